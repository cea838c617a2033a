/** `Cache-Control` of responses (RFC 9111 §5.2.2, RFC 5861, RFC 8246). */

/** Directives a shared cache acts on. Times in seconds. */
export interface ResponseDirectives {
  readonly maxAge?: number;
  readonly sMaxAge?: number;
  readonly staleWhileRevalidate?: number;
  readonly staleIfError?: number;
  readonly noStore: boolean;
  readonly noCache: boolean;
  readonly private: boolean;
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly immutable: boolean;
}

/** `name`, `name=token` or `name="quoted"`. */
const DIRECTIVE = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g;
/** Above this, a number is as good as infinite (RFC 9111 §1.2.2). */
const MAX_SECONDS = 2 ** 31;

/**
 * Parses the field. A directive that is there twice counts as the stricter of the two, a time that is no number counts as zero, and
 * `private="field"` or `no-cache="field"` as if they named no field.
 */
export function parseCacheControl(field: string | undefined): ResponseDirectives {
  const flags = new Set<string>();
  const times = new Map<string, number>();
  for (const [, name = "", quoted, token] of (field ?? "").matchAll(DIRECTIVE)) {
    const directive = name.toLowerCase();
    flags.add(directive);
    const seconds = parseSeconds(quoted ?? token);
    const before = times.get(directive);
    times.set(directive, before === undefined ? seconds : Math.min(before, seconds));
  }
  const time = (name: string): number | undefined => (flags.has(name) ? times.get(name) : undefined);
  const maxAge = time("max-age");
  const sMaxAge = time("s-maxage");
  const staleWhileRevalidate = time("stale-while-revalidate");
  const staleIfError = time("stale-if-error");
  return {
    ...(maxAge !== undefined && { maxAge }),
    ...(sMaxAge !== undefined && { sMaxAge }),
    ...(staleWhileRevalidate !== undefined && { staleWhileRevalidate }),
    ...(staleIfError !== undefined && { staleIfError }),
    noStore: flags.has("no-store"),
    noCache: flags.has("no-cache"),
    private: flags.has("private"),
    public: flags.has("public"),
    mustRevalidate: flags.has("must-revalidate"),
    proxyRevalidate: flags.has("proxy-revalidate"),
    immutable: flags.has("immutable"),
  };
}

function parseSeconds(text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) return 0;
  return Math.min(Number(text), MAX_SECONDS);
}
