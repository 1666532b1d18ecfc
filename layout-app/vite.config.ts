import { defineConfig } from "vite";

const page = (name: string) => new URL(`${name}.html`, import.meta.url).pathname;

export default defineConfig({
  base: "./",
  build: {
    target: "chrome120",
    // What a recording shows must not depend on a request that can fail: small assets travel inside the bundle.
    assetsInlineLimit: 8192,
    rollupOptions: {
      input: {
        index: page("index"),
        scene: page("scene"),
        join: page("join"),
        cast: page("cast"),
        probe: page("probe"),
      },
    },
  },
});
