import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

const WANTED = ["swagger-ui-bundle.js", "swagger-ui.css"];

/** Copies what `/docs` needs of swagger-ui-dist: the pages load nothing from elsewhere. */
export function swagger(): Plugin {
  return {
    name: "swagger",
    apply: "build",
    generateBundle() {
      const folder = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
      for (const name of WANTED) {
        this.emitFile({ type: "asset", fileName: `assets/swagger/${name}`, source: readFileSync(join(folder, name)) });
      }
    },
  };
}
