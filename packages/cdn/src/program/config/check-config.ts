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
  const problems = new Set<string>();
  for (let rest = input; ; ) {
    const result = v.safeParse(edgeConfigSchema, rest);
    if (result.success) return problems.size === 0 ? { config: result.output } : { problems: [...problems] };
    for (const issue of result.issues) problems.add(lineOf(pathOf(issue), issue.message));
    // Valibot names one key of an object that it does not know, and no other: the next one shows when that is gone.
    const unknown = result.issues.filter((issue) => issue.type === "strict_object" && issue.expected === "never");
    if (unknown.length === 0) return { problems: [...problems] };
    for (const { path = [] } of unknown) {
      rest = without(
        rest,
        path.map(({ key }) => key as string | number),
      );
    }
  }
}

/** A copy of plain data, without what is at a path. */
function without(value: unknown, [key, ...rest]: readonly (string | number)[]): unknown {
  if (typeof value !== "object" || value === null || key === undefined) return value;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const fields = copy as Record<string | number, unknown>;
  if (rest.length === 0) delete fields[key];
  else fields[key] = without(fields[key], rest);
  return copy;
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
