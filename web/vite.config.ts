import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { compressed } from "./bundling/compressed.ts";
import { swagger } from "./bundling/swagger.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// What changes seldom lies in files of its own, which a browser keeps over new versions of ours.
const CHUNKS = [
  // Wanted by components and charts: in the charts' own file it would bring all of them with it.
  { name: "helpers", test: /node_modules[\\/]tslib[\\/]/, priority: 4 },
  { name: "charts", test: /node_modules[\\/](echarts|zrender)[\\/]/, priority: 3 },
  { name: "react", test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/, priority: 2 },
  { name: "components", test: /node_modules[\\/](@mantine|@floating-ui)[\\/]/, priority: 2 },
  { name: "data", test: /node_modules[\\/](@tanstack|openapi-)/, priority: 2 },
];

export default defineConfig({
  plugins: [react(), swagger(), compressed()],
  resolve: { alias: { "@": here("./src") } },
  // The server puts a new nonce into each page that it sends.
  html: { cspNonce: "__NONCE__" },
  build: {
    outDir: here("../server/src/observatory/api/web"),
    emptyOutDir: true,
    target: "es2023",
    reportCompressedSize: false,
    // An image within the style sheet would want `data:` in the policy.
    assetsInlineLimit: 0,
    rolldownOptions: { output: { codeSplitting: { groups: CHUNKS } } },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["./bundling/browser.ts"],
  },
});
