/** Checks a config, and says in lines what is wrong with it. */

import * as v from "valibot";
import { type CheckedConfig, edgeConfigSchema } from "./schema.ts";

/** What came of it: a config, or a line for each thing that is wrong: `upstreams[0].weight: must be a number above zero`. */
export type CheckResult =
  | { readonly config: CheckedConfig; readonly problems?: undefined }
  | { readonly config?: undefined; readonly problems: readonly string[] };

/** Reads units, fills in defaults, and refuses what it does not know. */
export function checkConfig(input: unknown): CheckResult {
  // Valibot takes a list for an object.
  if (Array.isArray(input)) return { problems: ["the config must be an object"] };
  const result = v.safeParse(edgeConfigSchema, input);
  if (result.success) return { config: result.output };
  return { problems: result.issues.map((issue) => lineOf(pathOf(issue), issue.message)) };
}

function lineOf(path: string, message: string): string {
  return path === "" ? `the config ${message}` : `${path}: ${message}`;
}

/** As JavaScript would write it: `guard.signedUrls.keys["2026-a"]`. */
function pathOf({ path = [] }: { readonly path?: readonly { readonly key: unknown }[] }): string {
  let text = "";
  for (const { key } of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(String(key))) text += text === "" ? String(key) : `.${key}`;
    else text += `[${JSON.stringify(String(key))}]`;
  }
  return text;
}
