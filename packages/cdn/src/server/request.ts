/** From a parsed HTTP head to a `RawRequest`, refusing what is ambiguous (RFC 9112 §3.2, §11.2). */

import type { Connection } from "../handler/fetch-handler.ts";
import type { RawRequest, RawResponse } from "../handler/raw.ts";
import { errorResponse } from "../http/error-response.ts";
import type { ServerLimits } from "./limits.ts";

/** `uri-host [":" port]`, without user information (RFC 9110 §7.2). */
const AUTHORITY = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-fA-F:.]+\])(?::\d{1,5})?$/;
/** What may stand in an origin-form target; anything else has to be percent-encoded (RFC 3986 §3.3). */
const TARGET = /^\/[\x21\x22\x24-\x7e]*$/;
/** What `new URL` would resolve or turn round, so that handlers never saw it: dot segments, plain or encoded, and backslashes. */
const REWRITTEN = /^[^?]*(?:\/(?:\.|%2e){1,2}(?:[/?]|$)|\\)/i;
const ABSOLUTE = /^https?:\/\/([^/?#]+)(\/[^#]*|\?[^#]*)?$/i;

/** The host checked last: nearly all requests have the same. */
let lastHost = "";

/** A head that was taken, and its bytes as `maxHeaderBytes` counts them. */
interface CountedHead extends Pick<RawRequest, "origin" | "target" | "headers"> {
  readonly bytes: number;
}

/**
 * Checks and joins a request's header.
 *
 * @param fields - name, value, name, value…; HTTP/2 pseudo-headers are skipped.
 */
export function readHead(
  target: string,
  authority: string | undefined,
  scheme: "http" | "https",
  fields: readonly string[],
  limits: ServerLimits,
): CountedHead | RawResponse {
  if (target.length > limits.maxUrlBytes) {
    return refuse(414, "URL_TOO_LONG", `the URL has more than ${limits.maxUrlBytes} bytes`);
  }
  let count = 0;
  let bytes = target.length;
  const headers: Record<string, string | undefined> = Object.create(null);
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!.toLowerCase();
    if (name.charCodeAt(0) === 0x3a) continue;
    const value = fields[at + 1]!;
    count += 1;
    bytes += name.length + value.length + 4;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (name === "host" || name === "content-length") {
      return refuse(400, "BAD_REQUEST", `the request has two ${name} fields`);
    } else headers[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
  }
  if (count > limits.maxHeaders) {
    return refuse(431, "HEADERS_TOO_LARGE", `the request has more than ${limits.maxHeaders} header fields`);
  }
  if (bytes > limits.maxHeaderBytes) {
    return refuse(431, "HEADERS_TOO_LARGE", `the header has more than ${limits.maxHeaderBytes} bytes`);
  }
  let host = authority ?? headers.host;
  let path = target;
  const absolute = target.charCodeAt(0) === 0x2f ? null : ABSOLUTE.exec(target);
  if (absolute !== null) {
    host = absolute[1];
    const rest = absolute[2] ?? "/";
    path = rest.startsWith("?") ? `/${rest}` : rest;
  }
  host = host === undefined || host === "" ? "localhost" : host;
  if (host !== lastHost && !(AUTHORITY.test(host) && URL.canParse(`${scheme}://${host}`))) {
    return refuse(400, "BAD_REQUEST", "the Host field is not a host");
  }
  if (!TARGET.test(path)) return refuse(400, "BAD_REQUEST", "the request target is not a path");
  if (isRewritten(path)) return refuse(400, "INVALID_PATH", "the path has a dot segment or a backslash");
  lastHost = host;
  headers.host = host;
  return { origin: `${scheme}://${host}`, target: path, headers, bytes };
}

/** Whether `new URL` would make another path of it. */
export function isRewritten(target: string): boolean {
  return REWRITTEN.test(target);
}

function refuse(status: number, code: Parameters<typeof errorResponse>[1], message: string): RawResponse {
  return errorResponse(status, code, message, ["connection", "close"]);
}

/** A request whose abort signal is made when somebody asks for it. */
export class ServerRequest implements RawRequest {
  readonly method: string;
  readonly target: string;
  readonly origin: string;
  readonly headers: RawRequest["headers"];
  readonly body: AsyncIterable<Uint8Array> | null;
  readonly connection: Connection;
  /** Writes an interim answer. Set by an adapter that can, until the answer itself is there. */
  interim: ((request: ServerRequest, status: number, headers: readonly string[]) => void) | undefined;
  #controller: AbortController | undefined;
  #aborted = false;

  constructor(
    method: string,
    target: string,
    { origin, headers }: Pick<RawRequest, "origin" | "headers">,
    body: AsyncIterable<Uint8Array> | null,
    connection: Connection,
  ) {
    this.method = method;
    this.target = target;
    this.origin = origin;
    this.headers = headers;
    this.body = body;
    this.connection = connection;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  get onInformational(): NonNullable<RawRequest["onInformational"]> {
    return (status, headers) => this.interim?.(this, status, headers);
  }

  /** The client left. */
  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}
