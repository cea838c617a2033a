import { cp } from "node:fs/promises";
import { defineConfig } from "tsup";

export default defineConfig([
  {
    entry: ["src/index.ts", "src/main.ts", "src/time-code.ts"],
    format: "esm",
    target: "node24",
    clean: ["dist/*.js"],
    // Next to the page's own build, which may run at the same time.
    splitting: true,
  },
  {
    entry: { page: "src/page/page.ts" },
    outDir: "dist/page",
    format: "esm",
    target: "es2022",
    platform: "browser",
    noExternal: [/.*/],
    splitting: true,
    minify: true,
    async onSuccess() {
      for (const file of ["index.html", "page.css"]) await cp(`src/page/${file}`, `dist/page/${file}`);
    },
  },
]);
