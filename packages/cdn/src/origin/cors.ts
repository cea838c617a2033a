/** Cross-origin rules of the origin: players live on other sites than their media. */

/** Who may read answers from another site. */
export interface CorsOptions {
  /** `*` (default): everybody. Otherwise the sites, e.g. `["https://tv.example"]`; answers then vary by `Origin`. */
  readonly origins?: "*" | readonly string[];
  /** Response fields that scripts may read. Default: what players and their statistics read. */
  readonly exposeHeaders?: readonly string[];
  /** Request fields that scripts may send. Default: whatever they ask for. */
  readonly allowHeaders?: readonly string[];
  /** Seconds that a browser keeps the answer to a preflight. Default 86,400. */
  readonly maxAge?: number;
}

const EXPOSED = [
  "Age",
  "Cache-Status",
  "Content-Length",
  "Content-Range",
  "Date",
  "ETag",
  "Server-Timing",
  "CMSD-Static",
  "CMSD-Dynamic",
];

/** A request field name list, as a preflight may carry it. */
const FIELD_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/;

/** Fields to add to an answer. */
export type Cors = (request: Request) => [name: string, value: string][];

/** Fields of an ordinary answer, and those of a preflight. */
export function createCors(options: CorsOptions = {}): { fields: Cors; preflight: Cors } {
  const { origins = "*", exposeHeaders = EXPOSED, allowHeaders, maxAge = 86_400 } = options;
  const exposed = exposeHeaders.join(", ");
  const sites = origins === "*" ? undefined : new Set(origins);

  const fields: Cors = ({ headers }) => {
    const site = headers.get("origin");
    if (sites === undefined) {
      return [
        ["access-control-allow-origin", "*"],
        ["access-control-expose-headers", exposed],
        ["timing-allow-origin", "*"],
      ];
    }
    if (site === null || !sites.has(site)) return [["vary", "Origin"]];
    return [
      ["vary", "Origin"],
      ["access-control-allow-origin", site],
      ["access-control-expose-headers", exposed],
      ["timing-allow-origin", site],
    ];
  };
  const preflight: Cors = (request) => {
    const asked = request.headers.get("access-control-request-headers");
    const allowed = allowHeaders?.join(", ") ?? (asked !== null && FIELD_NAMES.test(asked) ? asked : undefined);
    const all = fields(request);
    all.push(["access-control-allow-methods", "GET, HEAD, OPTIONS"]);
    all.push(["access-control-max-age", String(maxAge)]);
    all.push(["cache-control", `public, max-age=${maxAge}`]);
    all.push(["vary", "Access-Control-Request-Headers"]);
    if (allowed !== undefined) all.push(["access-control-allow-headers", allowed]);
    return all;
  };
  return { fields, preflight };
}
