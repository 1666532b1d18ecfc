import { defineConfig } from "vite";

const pages = ["index", "scene", "join", "cast", "player", "probe", "workshop"];
/** Scripts that pages of others load, by names that do not change. */
const scripts = {
  inspect: "src/inspect/main.ts",
  elements: "src/elements/index.ts",
  template: "src/template/index.ts",
};
const fileOf = (name: string) => new URL(name, import.meta.url).pathname;

export default defineConfig({
  base: "./",
  build: {
    target: "chrome120",
    // What a recording shows must not depend on a request that can fail: small assets travel inside the bundle.
    assetsInlineLimit: 8192,
    // livekit-client alone is that large, and loaded only for rooms of its own.
    chunkSizeWarningLimit: 600,
    rollupOptions: {
      input: {
        ...Object.fromEntries(pages.map((name) => [name, fileOf(`${name}.html`)])),
        ...Object.fromEntries(Object.entries(scripts).map(([name, file]) => [name, fileOf(file)])),
      },
      // A template's own script imports what these export.
      preserveEntrySignatures: "exports-only",
      output: {
        entryFileNames: ({ name }) => (name in scripts ? `${name}.js` : "assets/[name]-[hash].js"),
      },
    },
  },
});
