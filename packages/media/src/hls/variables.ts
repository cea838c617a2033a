/** Variable substitution (RFC 8216bis §4.3, EXT-X-DEFINE §4.4.2.3). */
import { documentError } from "../document-error.ts";
import { MediaError } from "../errors.ts";
import type { Define } from "./media-playlist.ts";

/** Characters that substitution may produce in one playlist: it protects against a small text that unfolds to gigabytes. */
export const MAX_SUBSTITUTED_LENGTH = 8 * 1024 * 1024;

const REFERENCE = /\{\$([A-Za-z0-9_-]+)\}/g;
const NAME = /^[A-Za-z0-9_-]+$/;

/** What a playlist cannot know by itself. */
export interface ParsePlaylistOptions {
  /** The playlist's own URL, for `EXT-X-DEFINE:QUERYPARAM`. */
  readonly url?: string;
  /** Variables of the Multivariant Playlist, for `EXT-X-DEFINE:IMPORT`; see {@link playlistVariables}. */
  readonly imports?: Readonly<Record<string, string>>;
}

/** The variables of a playlist, defined one after the other as it is read. */
export class Variables {
  readonly #values = new Map<string, string>();
  readonly #options: ParsePlaylistOptions;
  #produced = 0;

  constructor(options: ParsePlaylistOptions) {
    this.#options = options;
  }

  /** @throws {MediaError} `MALFORMED` for a second definition, or one whose value cannot be found. */
  define(define: Define, line: number): void {
    const name = "name" in define ? define.name : "import" in define ? define.import : define.queryParam;
    if (!NAME.test(name))
      throw documentError(
        "MALFORMED",
        line,
        `a variable's name has A-Z, a-z, 0-9, - and _ only: ${JSON.stringify(name)}`,
      );
    if (this.#values.has(name)) throw documentError("MALFORMED", line, `the variable ${name} is defined twice`);
    this.#values.set(name, this.#valueOf(define, line));
  }

  #valueOf(define: Define, line: number): string {
    if ("name" in define) return define.value;
    if ("import" in define) {
      const imports = this.#options.imports;
      if (imports === undefined || !Object.hasOwn(imports, define.import)) {
        throw documentError(
          "MALFORMED",
          line,
          `IMPORT of ${define.import}, which the Multivariant Playlist does not define: give it in imports`,
        );
      }
      return imports[define.import]!;
    }
    const value = queryParameter(this.#options.url ?? "", define.queryParam);
    if (value === undefined) {
      throw documentError(
        "MALFORMED",
        line,
        `QUERYPARAM ${define.queryParam} is not in the query of the playlist's URL: give it in url`,
      );
    }
    return value;
  }

  /** Puts the values in. Values are not searched again. */
  substitute(text: string, line: number): string {
    if (!text.includes("{$")) return text;
    return text.replace(REFERENCE, (_, name: string) => {
      const value = this.#values.get(name);
      if (value === undefined)
        throw documentError("MALFORMED", line, `the variable ${name} is not defined before its use`);
      this.#produced += value.length;
      if (this.#produced > MAX_SUBSTITUTED_LENGTH) {
        throw documentError(
          "LIMIT_EXCEEDED",
          line,
          `variables unfold to more than ${MAX_SUBSTITUTED_LENGTH} characters`,
        );
      }
      return value;
    });
  }
}

/**
 * The variables that a Multivariant Playlist defines, to be given as `imports` to its Media Playlists.
 *
 * @param url - its own URL, for `QUERYPARAM`.
 * @throws {MediaError} `MALFORMED` when a query parameter is missing.
 */
export function playlistVariables(
  playlist: { readonly defines?: readonly Define[] },
  url = "",
): Record<string, string> {
  const values: [name: string, value: string][] = [];
  for (const define of playlist.defines ?? []) {
    if ("name" in define) values.push([define.name, define.value]);
    if (!("queryParam" in define)) continue;
    const value = queryParameter(url, define.queryParam);
    if (value === undefined)
      throw new MediaError("MALFORMED", `QUERYPARAM ${define.queryParam} is not in ${JSON.stringify(url)}`);
    values.push([define.queryParam, value]);
  }
  // Not by assignment: a variable may be named __proto__.
  return Object.fromEntries(values);
}

function queryParameter(url: string, name: string): string | undefined {
  const withoutFragment = url.split("#", 1)[0]!;
  const start = withoutFragment.indexOf("?");
  if (start === -1) return undefined;
  for (const pair of withoutFragment.slice(start + 1).split("&")) {
    const equals = pair.indexOf("=");
    if (decode(equals === -1 ? pair : pair.slice(0, equals)) === name)
      return equals === -1 ? "" : decode(pair.slice(equals + 1));
  }
  return undefined;
}

function decode(text: string): string {
  // A stray percent sign stands for itself, as it does for URLSearchParams.
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
