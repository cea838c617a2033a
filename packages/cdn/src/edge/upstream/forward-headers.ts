/** What of a client's header goes on to the upstream. */

import type { RawRequest } from "../../handler/raw.ts";
import { hopByHop } from "../../http/fields.ts";
import { normalizedField } from "../cache-key/vary.ts";
import { PEER_FIELD } from "../peers/peer-mark.ts";

/** What says who asks. */
const CLIENT_FIELDS = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"] as const;

/** Never forwarded: another hop's, or said anew by this edge. */
const REPLACED = new Set(["host", "expect", "via", "cdn-loop", ...CLIENT_FIELDS, "ami-purges-seen"]);
/** Not forwarded with a request for the whole object, whoever asks: they are answered here. */
const ANSWERED_HERE = new Set([
  "range",
  "if-range",
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "cache-control",
  "pragma",
  "accept-encoding",
  "content-length",
  // What one viewer's player says is not the upstream's to hear with a request for all of them.
  "cmcd-request",
  "cmcd-object",
  "cmcd-status",
  "cmcd-session",
]);

/**
 * Not forwarded with a request whose answer is shared, either: fields by which a client could tell the upstream that it asked for something
 * else than the cache key says.
 */
const REROUTING =
  /^(?:x-forwarded-|x-original-|x-rewrite-|x-http-method|x-method-override$|x-host$|x-real-ip$|(?:true-)?client-ip$)/;

/** What upstreams are told of who asks. */
export interface ForwardOptions {
  /**
   * On which requests upstreams are told the client's address, and the scheme and host that it asked for.
   *
   * - `alone`: on those that go on for one client alone.
   * - `always`: on those whose answer many share, too. It is of whoever came first: for logs, and nothing that an answer may depend on.
   * - `never`.
   *
   * Default `alone`.
   */
  readonly clientAddress?: "alone" | "always" | "never";
  /** Fields that say so: `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded` (RFC 7239). Default `x-forwarded`. */
  readonly fields?: "x-forwarded" | "forwarded";
}

/** Who forwards. */
export interface Forwarder {
  /** Pseudonym in `Via` and `Cache-Status`. */
  readonly name: string;
  /** Unique to this edge: how it knows itself again in `CDN-Loop` (RFC 8586). */
  readonly id: string;
  /** Default: see {@link ForwardOptions}. */
  readonly forward?: ForwardOptions;
}

/**
 * A request without the fields that its `Connection` names (RFC 9110 §7.6.1). They are not forwarded, and must not choose a variant either: whoever
 * named `Origin` there would have the answer to a request without one stored for that origin.
 */
export function withoutHopByHop(request: RawRequest): RawRequest {
  const isHopByHop = hopByHop(request.headers.connection);
  return withoutFields(
    request,
    Object.keys(request.headers).filter((name) => name !== "connection" && isHopByHop(name)),
  );
}

/** A request without one field; the same one where it has none. */
export function withoutField(request: RawRequest, name: string): RawRequest {
  return request.headers[name] === undefined ? request : withoutFields(request, [name]);
}

function withoutFields(request: RawRequest, names: readonly string[]): RawRequest {
  if (names.length === 0) return request;
  const headers = { ...request.headers };
  for (const name of names) delete headers[name];
  const { method, target, origin, body, connection, onInformational } = request;
  return {
    ...{ method, target, origin, headers, body, connection },
    ...(onInformational !== undefined && { onInformational: onInformational.bind(request) }),
    // Made when first asked for.
    get signal() {
      return request.signal;
    },
  };
}

/** Fields of a request whose answer many may share. */
export function sharedHeaders(request: RawRequest, by: Forwarder): string[] {
  const { headers } = request;
  const fields = forwarded(headers, by, (name) => ANSWERED_HERE.has(name) || REROUTING.test(name));
  const encodings = normalizedField("accept-encoding", headers["accept-encoding"]);
  if (encodings !== "") fields.push("accept-encoding", encodings);
  // What is fetched ahead, nobody asked for.
  if (by.forward?.clientAddress === "always" && request.connection !== undefined)
    fields.push(...clientFields(request, by.forward));
  return fields;
}

/** Fields of a request that is passed on for one client alone. */
export function passedHeaders(request: RawRequest, by: Forwarder): string[] {
  const fields = forwarded(request.headers, by, () => false);
  if (by.forward?.clientAddress !== "never") fields.push(...clientFields(request, by.forward));
  return fields;
}

/** Who asks: as a peer says, where one asks for a client of its own. */
function clientFields({ headers, connection, origin }: RawRequest, options: ForwardOptions = {}): string[] {
  if (headers[PEER_FIELD] !== undefined) {
    return CLIENT_FIELDS.flatMap((name) => (headers[name] === undefined ? [] : [name, headers[name]]));
  }
  const { protocol, host } = new URL(origin);
  const scheme = protocol.slice(0, -1);
  const address = connection?.remoteAddress;
  if (options.fields === "forwarded") {
    const node = address?.includes(":") ? `"[${address}]"` : address;
    return ["forwarded", `${node === undefined ? "" : `for=${node};`}host="${host}";proto=${scheme}`];
  }
  const by = address === undefined ? [] : ["x-forwarded-for", address];
  return [...by, "x-forwarded-proto", scheme, "x-forwarded-host", host];
}

/** Whether a request has been through this edge already. */
export function isLoop({ headers }: Pick<RawRequest, "headers">, { id }: Pick<Forwarder, "id">): boolean {
  const loop = headers["cdn-loop"];
  return loop?.split(",").some((member) => member.split(";", 1)[0]?.trim() === id) ?? false;
}

function forwarded(headers: RawRequest["headers"], { name, id }: Forwarder, isLeftOut: (name: string) => boolean) {
  const isHopByHop = hopByHop(headers.connection);
  const fields: string[] = [];
  for (const [field, value] of Object.entries(headers)) {
    if (value === undefined || REPLACED.has(field) || isHopByHop(field) || isLeftOut(field)) continue;
    fields.push(field, value);
  }
  const { via, "cdn-loop": loop } = headers;
  // It came from another process of this edge, which is in both already.
  if (isLoop({ headers }, { id })) {
    if (via !== undefined) fields.push("via", via);
    fields.push("cdn-loop", loop!);
    return fields;
  }
  fields.push("via", `${via === undefined ? "" : `${via}, `}1.1 ${name}`);
  fields.push("cdn-loop", `${loop === undefined ? "" : `${loop}, `}${id}`);
  return fields;
}
