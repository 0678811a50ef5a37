import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const WORTH_IT = 1_024;
const TEXT = /\.(js|css|svg|json)$/;
const squeeze = { br: promisify(brotliCompress), gz: promisify(gzip) };

/** Writes `name.br` and `name.gz` beside each file under `assets` that is worth it: the server never compresses. */
export function compressed(): Plugin {
  let folder = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved(config) {
      folder = join(config.build.outDir, "assets");
    },
    async closeBundle() {
      const names = await readdir(folder, { recursive: true }).catch(() => []);
      await Promise.all(names.filter((name) => TEXT.test(name)).map((name) => both(join(folder, name))));
    },
  };
}

async function both(path: string): Promise<void> {
  const whole = await readFile(path);
  if (whole.length < WORTH_IT) return;
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: whole.length } };
  await writeFile(`${path}.br`, await squeeze.br(whole, best));
  await writeFile(`${path}.gz`, await squeeze.gz(whole, { level: 9 }));
}
