/** Which paths a grant or a rule is about. */

import { CdnError } from "../errors.ts";
import { normalizePath } from "../http/path.ts";

/** Path of a request target, without its query. */
export function pathOf(target: string): string {
  const question = target.indexOf("?");
  return question === -1 ? target : target.slice(0, question);
}

/**
 * The path of a target in its one spelling; undefined where it is none that anything has. A `#` is refused, too: the server lets none
 * through, and whoever makes a URL of the path would take what follows for a fragment.
 */
export function canonicalPath(path: string): string | undefined {
  if (path.includes("#")) return undefined;
  try {
    return normalizePath(path);
  } catch {
    return undefined;
  }
}

/**
 * Whether one of the scopes covers a path. One that ends with a slash covers all below it; any other covers that one path. So
 * `/live/demo/` never covers `/live/demo-2/`. Upper and lower case differ.
 *
 * @param path - normalised, so that nothing in it is hidden.
 */
export function covers(scopes: readonly string[], path: string): boolean {
  for (const scope of scopes) {
    if (scope.charCodeAt(scope.length - 1) === 0x2f ? path.startsWith(scope) : path === scope) return true;
  }
  return false;
}

/** The one spelling of a scope; undefined where it is no path. */
export function normalizeScope(scope: string): string | undefined {
  return scope.includes("?") ? undefined : canonicalPath(scope);
}

/**
 * Scopes of an option.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function scopesOption(name: string, scopes: readonly string[]): readonly string[] {
  return scopes.map((scope) => {
    const normal = normalizeScope(scope);
    if (normal !== undefined) return normal;
    const message = `${name} has ${JSON.stringify(scope)}: give paths such as /live/ (all below) or /film.mp4`;
    throw new CdnError("INVALID_OPTION", message);
  });
}
