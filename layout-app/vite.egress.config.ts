import { defineConfig } from "vite";

/** The example that is recorded to show that templates by LiveKit's egress SDK are: no part of the binary. */
export default defineConfig({
  root: new URL("examples/egress-sdk", import.meta.url).pathname,
  base: "./",
  build: {
    target: "chrome120",
    outDir: new URL("dist-egress", import.meta.url).pathname,
    emptyOutDir: true,
    chunkSizeWarningLimit: 800,
  },
});
