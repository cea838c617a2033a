/** What the thread runs that reads a config which is a script. Text: this package is bundled, and a thread wants a file or text. */

/**
 * Imports `workerData.file`, and posts `{ config }` or `{ error }`, which has a message and, where it is known, the file and line that it is about.
 *
 * - A config imports this package by its name wherever it lies: what its own folders do not have comes from `workerData.self`.
 * - `npm init` makes folders in which `.js` and `.ts` are CommonJS; with `import` or `export` in them they are modules all the same.
 */
export const CONFIG_SCRIPT = `
const { readFileSync } = require("node:fs");
const { registerHooks, stripTypeScriptTypes } = require("node:module");
const { fileURLToPath } = require("node:url");
const { parentPort, workerData } = require("node:worker_threads");
const OWN = /^@ami-streams\\/cdn(?:\\/|$)/;
const MODULE_SYNTAX = /^\\s*(?:export\\s|import\\s*[\\w{*"'])/m;

registerHooks({
  resolve(specifier, context, next) {
    let resolved;
    try {
      resolved = next(specifier, context);
    } catch (error) {
      if (!OWN.test(specifier)) throw error;
      resolved = next(specifier, { ...context, parentURL: workerData.self });
    }
    const { url, format } = resolved;
    if (!format?.startsWith("commonjs") || !url.startsWith("file:") || url.includes("/node_modules/")) return resolved;
    if (!MODULE_SYNTAX.test(readFileSync(fileURLToPath(url), "utf8"))) return resolved;
    return { ...resolved, format: format.replace("commonjs", "module") };
  },
});

/** Where the stack says so; what V8 says nothing of, the reader of TypeScript finds. */
function placeOf(error) {
  const [, file, line] = /^(?:file:\\/\\/)?(\\/.*|[A-Za-z]:.*):(\\d+)$/m.exec(error.stack ?? "") ?? frameOf(error.stack) ?? [];
  if (file !== undefined) return { file: decodeURI(file), line: Number(line) };
  if (!(error instanceof SyntaxError)) return undefined;
  try {
    stripTypeScriptTypes(readFileSync(fileURLToPath(workerData.file), "utf8"), { sourceUrl: workerData.file });
  } catch (found) {
    const [, at] = /:(\\d+)\\n/.exec(found.stack ?? "") ?? [];
    if (at !== undefined) return { file: fileURLToPath(workerData.file), line: Number(at), message: found.message };
  }
  return undefined;
}

function frameOf(stack = "") {
  return /\\n +at (?:.* \\()?file:\\/\\/(.*?):(\\d+):\\d+\\)?(?:\\n|$)/.exec(stack);
}

import(workerData.file).then(async ({ default: exported }) => {
  if (exported === undefined) throw { message: "it has no default export: write export default defineEdgeConfig({ … })" };
  const config = await exported;
  try {
    parentPort.postMessage({ config });
  } catch (error) {
    throw { message: "it must be plain data: " + error.message };
  }
}).catch((error) => {
  const { message = String(error) } = error ?? {};
  parentPort.postMessage({ error: { message, ...(error instanceof Error && placeOf(error)) } });
});
`;
