import { defineConfig } from "tsup";

export default defineConfig({
  // The libav backend starts the second one as a process of its own.
  entry: { index: "src/index.ts", "libav-worker": "src/encoder/libav/worker.ts" },
  format: "esm",
  target: "es2023",
  dts: true,
  clean: true,
  sourcemap: true,
});
