/** An upstream by URL, over two pools of kept connections: one for requests that it holds, one for the rest. */

import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import { buildConnector, errors, Pool } from "undici";
import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import { type ExchangeHead, exchange } from "./http-exchange.ts";
import {
  isHeld,
  type Upstream,
  type UpstreamRequest,
  type UpstreamResponse,
  type UpstreamTimeouts,
} from "./upstream.ts";

/** Connections to one upstream for all but blocking reloads. */
export const MAX_UPSTREAM_CONNECTIONS = 1024;
/** Requests other than blocking reloads that may wait for one upstream's answer, with or without a connection. */
export const MAX_WAITING_REQUESTS = 4 * MAX_UPSTREAM_CONNECTIONS;
/**
 * Blocking playlist reloads that one upstream may hold at a time. Each takes a connection for as long as it is held; these are connections of
 * their own, so that reloads keep nothing else waiting.
 */
export const MAX_HELD_REQUESTS = 1024;
/** Milliseconds that a connection is kept without a request. */
const DEFAULT_KEEP_ALIVE = 10_000;
/** Requests at a time over one HTTP/2 connection; the server may allow fewer. */
const MAX_STREAMS = 100;

/** How an upstream's certificate is checked, and how this edge shows its own. */
export interface UpstreamTls {
  /** Certificates of the authorities to trust, PEM, instead of the well-known ones. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** This edge's own certificate and its key, PEM. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Name to ask for (SNI) and to check, instead of the URL's host. */
  readonly serverName?: string;
  /** False trusts any certificate. Default true. */
  readonly rejectUnauthorized?: boolean;
}

/** Connections of one upstream. */
export interface UpstreamConnections {
  /** Connections for all but blocking reloads; four times as many requests may wait. Default 1024. */
  readonly connections?: number;
  /** Milliseconds that a connection is kept without a request. Default 10,000. Less than the upstream keeps it, where it does not say. */
  readonly keepAliveTimeout?: number;
  readonly tls?: UpstreamTls;
  /** Speaks HTTP/2 where the upstream does (ALPN, so `https:` only): many requests on few connections. Default false. */
  readonly http2?: boolean;
  /** Path of a unix domain socket to connect to. The URL says host and scheme all the same. */
  readonly socketPath?: string;
}

/** Options of {@link createHttpUpstream}. */
export interface HttpUpstreamOptions extends UpstreamConnections {
  /** Default: the URL. */
  readonly name?: string;
  /** Asked before a request is sent once more because its kept connection was closed under it. Default: always. */
  readonly mayRetry?: () => boolean;
}

/** Connections for requests of one kind. */
interface Lane {
  readonly pool: Pool;
  readonly maxWaiting: number;
  /** Requests sent whose head is not here. */
  waiting: number;
}

/**
 * Asks a server.
 *
 * @param url - `http(s)://host[:port][/base]`; the base comes before every path.
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function createHttpUpstream(
  url: string,
  timeouts: Pick<UpstreamTimeouts, "connect">,
  options: HttpUpstreamOptions = {},
): Upstream {
  const { origin, base } = readUrl(url);
  const { name = url, connections = MAX_UPSTREAM_CONNECTIONS, http2 = false, mayRetry = () => true } = options;
  if (!Number.isInteger(connections) || connections < 1) {
    throw new CdnError(
      "INVALID_OPTION",
      `upstream ${name}: connections is ${connections}: give a whole number above zero`,
    );
  }
  /** Errors of connections that had answered before. */
  const ofKept = new WeakSet<object>();
  const connect = connector(timeouts, options, ofKept);
  const lane = (wanted: number, maxWaiting: number): Lane => ({
    pool: new Pool(origin, {
      connections: http2 ? Math.ceil(wanted / MAX_STREAMS) : wanted,
      pipelining: http2 ? MAX_STREAMS : 1,
      allowH2: http2,
      ...(http2 && { h2Options: { maxConcurrentStreams: MAX_STREAMS } }),
      // Times for head and body are kept by whoever asks, the same way for every kind of upstream.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: options.keepAliveTimeout ?? DEFAULT_KEEP_ALIVE,
      connect,
    }),
    maxWaiting,
    waiting: 0,
  });
  const held = lane(MAX_HELD_REQUESTS, MAX_HELD_REQUESTS);
  const prompt = lane(connections, 4 * connections);

  const once = async (
    { pool }: Lane,
    { method, target, headers, body, signal, onInformational }: UpstreamRequest,
  ): Promise<ExchangeHead> => {
    const path = base + target;
    const stream = body === null ? null : Readable.from(body, { objectMode: false });
    // A flat list of strings is what undici takes; its type asks for one that may be written to.
    const request = { origin, method, path, headers: headers as string[], body: stream };
    try {
      return await exchange({ dispatcher: pool, request, signal, name, onInformational });
    } finally {
      stream?.on("error", () => {});
    }
  };

  return {
    name,
    async send(request) {
      const { method, target, body, signal } = request;
      const lane = isHeld(target) || request.held === true ? held : prompt;
      if (lane.waiting >= lane.maxWaiting) {
        throw new CdnError("UPSTREAM_BUSY", `${lane.waiting} requests wait for ${name} already: ask again later`);
      }
      lane.waiting += 1;
      try {
        try {
          return toResponse(await once(lane, request), method);
        } catch (error) {
          // A server closes a kept connection whenever it likes, and may do so while a request is on its way (RFC 9112 §9.3.1).
          const isSafe = body === null && (method === "GET" || method === "HEAD");
          if (signal.aborted || !isSafe || !isObject(error) || !ofKept.has(error) || !mayRetry()) throw error;
          return toResponse(await once(lane, request), method);
        }
      } catch (error) {
        throw upstreamError(error, name, signal);
      } finally {
        lane.waiting -= 1;
      }
    },
    async close() {
      await Promise.all([held.pool.destroy(), prompt.pool.destroy()]);
    },
  };
}

function readUrl(url: string): { origin: string; base: string } {
  if (!URL.canParse(url)) throw new CdnError("INVALID_OPTION", `upstream ${url} is not a URL`);
  const { origin, pathname, protocol, search, username, password } = new URL(url);
  if (username !== "" || password !== "") {
    const hint = 'send them as headers: { authorization: "Basic …" }';
    throw new CdnError("INVALID_OPTION", `the URL of upstream ${origin} has a user or a password: ${hint}`);
  }
  if (!/^https?:$/.test(protocol) || search !== "") {
    throw new CdnError("INVALID_OPTION", `upstream ${url} is not http(s)://host[:port][/base]`);
  }
  return { origin, base: pathname.replace(/\/$/, "") };
}

/** Connects, and notes of each error whether its connection had answered before. */
function connector(
  timeouts: Pick<UpstreamTimeouts, "connect">,
  { tls = {}, http2 = false, socketPath }: HttpUpstreamOptions,
  ofKept: WeakSet<object>,
): buildConnector.connector {
  const { serverName, ca, ...rest } = tls;
  const secure: ConnectionOptions = {
    ...rest,
    ...(ca !== undefined && { ca: typeof ca === "string" || Buffer.isBuffer(ca) ? ca : [...ca] }),
    ...(serverName !== undefined && { servername: serverName }),
  };
  const connect = buildConnector({
    ...secure,
    timeout: timeouts.connect,
    allowH2: http2,
    preferH2: http2,
    ...(socketPath !== undefined && { socketPath }),
  });
  return (target, callback) => {
    connect(target, (...[error, socket]: Parameters<buildConnector.Callback>) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      noteErrors(socket, ofKept);
      callback(null, socket);
    });
  };
}

function noteErrors(socket: Socket, ofKept: WeakSet<object>): void {
  socket.prependListener("error", (error) => {
    if (socket.bytesRead > 0) ofKept.add(error);
  });
}

function toResponse({ status, headers, framed, body }: ExchangeHead, method: string): UpstreamResponse {
  if (status === 204 || status === 205) {
    // Neither has content (RFC 9110 §15.3.5, §15.3.6); what an origin sends all the same would be no body of a `Response` either.
    letGo(body);
    return { status, headers: withoutLength(headers), body: null, closeDelimited: false };
  }
  let isDelimited = framed || method === "HEAD" || status === 204 || status === 304;
  let hasLength = false;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === "content-length") hasLength = true;
    if (headers[at] === "transfer-encoding") isDelimited = true;
  }
  const closeDelimited = !isDelimited && !hasLength;
  if (!(body instanceof Uint8Array)) return { status, headers, body, closeDelimited };
  if (closeDelimited) return { status, headers, body: oneChunk(body), closeDelimited };
  if (!hasLength) headers.push("content-length", String(body.byteLength));
  return { status, headers, body, closeDelimited };
}

function withoutLength(headers: readonly string[]): string[] {
  return headers.filter((_, at) => headers[at - (at % 2)] !== "content-length");
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function upstreamError(error: unknown, name: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (error instanceof errors.ConnectTimeoutError) {
    return new CdnError("UPSTREAM_UNREACHABLE", `${name} took no connection in time`, { cause: error });
  }
  if (/^(?:ECONNREFUSED|ENOTFOUND|ENOENT|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ECONNRESET|ETIMEDOUT)$/.test(code)) {
    return new CdnError("UPSTREAM_UNREACHABLE", `${name} cannot be reached (${code})`, { cause: error });
  }
  return new CdnError("UPSTREAM_FAILED", `${name} gave no HTTP answer`, { cause: error });
}
