import { fileURLToPath } from "node:url";
import { defineConfig, type Options } from "tsup";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** For bundlers: the engines and media-chrome stay imports of the packages that hold them. */
const library: Options = {
  entry: [path("src/index.ts")],
  outDir: path("dist"),
  format: "esm",
  target: "es2023",
  dts: true,
  // Both builds run at once, and the other one's folder lies in this one.
  clean: ["!embed/**"],
  sourcemap: true,
  splitting: true,
};

/**
 * For `<script type="module" src="…/ami-player.js">`: everything inside, engines and controls as chunks beside the entry. Exported
 * for the browser tests, which build it to a folder of their own.
 */
export const embed: Options = {
  entry: { "ami-player": path("src/index.ts") },
  outDir: path("dist/embed"),
  tsconfig: path("tsconfig.json"),
  format: "esm",
  platform: "browser",
  target: "es2023",
  noExternal: [/./],
  splitting: true,
  minify: true,
  dts: false,
  clean: true,
  outExtension: () => ({ js: ".js" }),
  // Names of chunks hold a hash of paths relative to this folder, wherever the build was started.
  esbuildOptions(options) {
    options.absWorkingDir = path(".");
  },
};

export default defineConfig([library, embed]);
