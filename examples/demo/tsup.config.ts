import { defineConfig } from "tsup";

export default defineConfig({
  // The test card starts the last one as a process of its own.
  entry: {
    main: "src/main.ts",
    demo: "src/demo.ts",
    "test-card": "src/test-card/test-card.ts",
    "test-card-process": "src/test-card/test-card-process.ts",
  },
  format: "esm",
  target: "node24",
  clean: true,
  splitting: true,
});
