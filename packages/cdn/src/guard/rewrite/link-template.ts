/** A playlist cut where tokens go, so that it is read once and written for each viewer by joining the pieces. */

import { normalizePath } from "../../http/path.ts";
import { covers } from "../path-scope.ts";

/** Which links of a playlist get a token. */
export interface LinkRules {
  /** URL of the playlist. */
  readonly base: string;
  /** What the token covers: nothing else gets it, other hosts least of all. */
  readonly paths: readonly string[];
  /** Name of the query parameter. */
  readonly param: string;
}

/** Collects a playlist's text. */
export class LinkTemplate {
  readonly #pieces: string[] = [];
  readonly #rules: LinkRules;
  readonly #origin: string;
  #text = "";

  constructor(rules: LinkRules) {
    this.#rules = rules;
    this.#origin = new URL(rules.base).origin;
  }

  /** Text as it is. */
  keep(text: string): void {
    this.#text += text;
  }

  /**
   * A link, with room for a token where it may have one.
   *
   * @param base - what it is relative to; null where that is another host.
   * @param ampersand - how `&` is written there.
   */
  link(uri: string, base: string | null = this.#rules.base, ampersand: "&" | "&amp;" = "&"): void {
    const { param } = this.#rules;
    if (base === null || new RegExp(`[?&;]${escaped(param)}=`).test(uri) || !this.#isCovered(uri, base)) {
      this.#text += uri;
      return;
    }
    const hash = uri.indexOf("#");
    const end = hash === -1 ? uri.length : hash;
    const separator = uri.lastIndexOf("?", end) === -1 ? "?" : ampersand;
    this.#pieces.push(`${this.#text}${uri.slice(0, end)}${separator}${param}=`);
    this.#text = uri.slice(end);
  }

  /** Whether a link leads to the playlist's own host. */
  isOwn(url: string): boolean {
    return originOf(url) === this.#origin;
  }

  /** Text between the tokens: one piece more than there are tokens. */
  get pieces(): readonly string[] {
    return [...this.#pieces, this.#text];
  }

  #isCovered(uri: string, base: string): boolean {
    try {
      // DASH's `$Number%05d$` is not an escape.
      const { origin, pathname } = new URL(uri.replace(/\$[^$]*\$/g, "x"), base);
      return origin === this.#origin && covers(this.#rules.paths, normalizePath(pathname));
    } catch {
      return false;
    }
  }
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
