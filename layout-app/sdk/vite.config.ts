import { defineConfig } from "vite";

const source = (file: string) => new URL(`../src/${file}`, import.meta.url).pathname;

/** `@wallflower/template` as it is published: modules that need nothing else, for pages that are served by anybody. */
export default defineConfig({
  root: new URL(".", import.meta.url).pathname,
  base: "./",
  build: {
    target: "chrome120",
    outDir: "dist",
    assetsInlineLimit: 8192,
    chunkSizeWarningLimit: 600,
    lib: {
      entry: { template: source("template/index.ts"), elements: source("elements/index.ts") },
      formats: ["es"],
      fileName: (_, name) => `${name}.js`,
    },
  },
});
