import { defineConfig } from "tsup";

const library = { index: "src/index.ts", "program/index": "src/program/index.ts" };

export default defineConfig({
  // What bin/ami-edge.js runs. It has to be a file of its own: each process of an edge starts with it.
  entry: { ...library, "program/main": "src/program/main.ts" },
  format: "esm",
  target: "es2023",
  dts: { entry: library },
  clean: true,
  sourcemap: true,
});
