/** What a player says when it asks for the steering manifest, and what it is given to say the next time. Pure. */

/** The parameter of a session that we gave. */
const SESSION = "session";
/** The parameter of pathways that were too slow. */
const SLOW = "slow";
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
/** Pathways of one question. */
const MAX_PATHWAYS = 16;
/** Characters of what else an operator's URI has; more of it is not carried along. */
const MAX_CARRIED = 1024;

/** A question, in either protocol's words. */
export interface SteeringRequest {
  /** As we named it, where we did. */
  readonly session: string | undefined;
  /** Pathways that it is on or was since it last asked, with what it measured on them in bit/s. */
  readonly pathways: readonly { readonly id: string; readonly throughput: number | undefined }[];
  readonly slow: ReadonlySet<string>;
  /** What else the query has: the operator's own, to be carried along. */
  readonly carried: string;
}

/**
 * HLS sends `_HLS_pathway=a&_HLS_throughput=5140000` (RFC 8216bis §7.3), DASH `_DASH_pathway="a,b"&_DASH_throughput=5140000,` (ETSI TS 103 998
 * §7.4), one for each location used since it last asked.
 */
export function readSteeringRequest(query: URLSearchParams): SteeringRequest {
  const ids = list(query.get("_HLS_pathway") ?? query.get("_DASH_pathway"));
  const throughputs = list(query.get("_HLS_throughput") ?? query.get("_DASH_throughput"));
  const session = query.get(SESSION) ?? undefined;
  const carried = new URLSearchParams();
  for (const [name, value] of query) {
    if (name === SESSION || name === SLOW || name === "CMCD" || /^_(?:HLS|DASH)_/.test(name)) continue;
    carried.append(name, value);
  }
  const text = carried.toString();
  return {
    session: session !== undefined && TOKEN.test(session) ? session : undefined,
    pathways: ids.map((id, index) => ({ id, throughput: rate(throughputs[index]) })),
    slow: new Set(list(query.get(SLOW))),
    carried: text.length > MAX_CARRIED ? "" : text,
  };
}

/** The query to ask with the next time: all that is to be remembered of a session is in it. */
export function reloadUri(carried: string, session: string, slow: ReadonlySet<string>): string {
  const query = new URLSearchParams(carried);
  query.set(SESSION, session);
  if (slow.size > 0) query.set(SLOW, [...slow].join(","));
  return `?${query}`;
}

function list(value: string | null): string[] {
  if (value === null || value === "") return [];
  const bare = value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
  return bare.split(",", MAX_PATHWAYS).map((each) => each.trim());
}

function rate(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
