import { defineConfig } from "vite";

const pages = ["index", "scene", "join", "cast", "player", "probe"];
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
      input: Object.fromEntries(pages.map((name) => [name, fileOf(name)])),
    },
  },
});
