import { defineConfig } from "vite";

const pages = ["index", "scene", "join", "cast", "probe"];
const fileOf = (name: string) => new URL(`${name}.html`, import.meta.url).pathname;

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
        ...Object.fromEntries(pages.map((name) => [name, fileOf(name)])),
        inspect: new URL("src/inspect/main.ts", import.meta.url).pathname,
      },
      output: {
        // Evaluated in pages that are not ours, under a name that does not change.
        entryFileNames: ({ name }) => (name === "inspect" ? "inspect.js" : "assets/[name]-[hash].js"),
      },
    },
  },
});
