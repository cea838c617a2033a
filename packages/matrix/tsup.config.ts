import { defineConfig } from "tsup";

const library = { index: "src/index.ts", "deployment/index": "src/deployment/index.ts" };

export default defineConfig({
  entry: { ...library, "program/main": "src/program/main.ts" },
  format: "esm",
  target: "es2023",
  dts: { entry: library },
  clean: true,
  sourcemap: true,
});
