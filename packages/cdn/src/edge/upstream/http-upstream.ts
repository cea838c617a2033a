/** An upstream by URL, over two pools of kept connections: one for requests that it holds, one for the rest. */

import { Readable } from "node:stream";
import { errors, Pool } from "undici";
import { CdnError } from "../../errors.ts";
import type { Upstream, UpstreamTimeouts } from "./upstream.ts";

/** Connections to one upstream for all but blocking reloads. */
export const MAX_UPSTREAM_CONNECTIONS = 1024;
/** Requests other than blocking reloads that may wait for one upstream's answer, with or without a connection. */
export const MAX_WAITING_REQUESTS = 4 * MAX_UPSTREAM_CONNECTIONS;
/**
 * Blocking playlist reloads that one upstream may hold at a time. Each takes a connection for as long as it is held; these are connections of
 * their own, so that reloads keep nothing else waiting.
 */
export const MAX_HELD_REQUESTS = 1024;

/** A target, as the cache key writes it, that the upstream may hold until there is an answer (RFC 8216bis §6.2.5.2). */
const HELD = /[?&]_HLS_msn=/;

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
export function createHttpUpstream(url: string, timeouts: UpstreamTimeouts): Upstream {
  if (!URL.canParse(url)) throw new CdnError("INVALID_OPTION", `upstream ${url} is not a URL`);
  const { origin, pathname, protocol, search, username } = new URL(url);
  if (!/^https?:$/.test(protocol) || search !== "" || username !== "") {
    throw new CdnError("INVALID_OPTION", `upstream ${url} is not http(s)://host[:port][/base]`);
  }
  const base = pathname.replace(/\/$/, "");
  const lane = (connections: number, maxWaiting: number): Lane => ({
    pool: new Pool(origin, {
      connections,
      pipelining: 1,
      allowH2: false,
      // Times for head and body are kept by whoever asks, the same way for every kind of upstream.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 10_000,
      connect: { timeout: timeouts.connect },
    }),
    maxWaiting,
    waiting: 0,
  });
  const held = lane(MAX_HELD_REQUESTS, MAX_HELD_REQUESTS);
  const prompt = lane(MAX_UPSTREAM_CONNECTIONS, MAX_WAITING_REQUESTS);

  return {
    name: url,
    async send({ method, target, headers, body, signal }) {
      const lane = HELD.test(target) ? held : prompt;
      if (lane.waiting >= lane.maxWaiting) {
        throw new CdnError("UPSTREAM_BUSY", `${lane.waiting} requests wait for ${url} already: ask again later`);
      }
      lane.waiting += 1;
      try {
        const answer = await lane.pool.request({
          method,
          path: base + target,
          headers: [...headers],
          body: body === null ? null : Readable.from(body, { objectMode: false }),
          signal,
        });
        const fields: string[] = [];
        for (const [name, value] of Object.entries(answer.headers)) {
          if (value === undefined) continue;
          for (const each of typeof value === "string" ? [value] : value) fields.push(name.toLowerCase(), each);
        }
        const closeDelimited =
          method !== "HEAD" &&
          answer.headers["content-length"] === undefined &&
          answer.headers["transfer-encoding"] === undefined &&
          answer.statusCode !== 204 &&
          answer.statusCode !== 304;
        return { status: answer.statusCode, headers: fields, body: chunksOf(answer.body, url), closeDelimited };
      } catch (error) {
        throw upstreamError(error, url, signal);
      } finally {
        lane.waiting -= 1;
      }
    },
    async close() {
      await Promise.all([held.pool.destroy(), prompt.pool.destroy()]);
    },
  };
}

/** The body's chunks; leaving early drops the connection at once. */
function chunksOf(body: Readable, url: string): AsyncIterableIterator<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        return await chunks.next();
      } catch (cause) {
        throw new CdnError("UPSTREAM_TRUNCATED", `${url} broke off its answer`, { cause });
      }
    },
    async return() {
      // Nobody listens to the error any more that the end of the connection causes.
      body.on("error", () => {});
      body.destroy();
      return { done: true, value: undefined };
    },
  };
}

function upstreamError(error: unknown, url: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (error instanceof errors.ConnectTimeoutError) {
    return new CdnError("UPSTREAM_UNREACHABLE", `${url} took no connection in time`, { cause: error });
  }
  if (/^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ECONNRESET|ETIMEDOUT)$/.test(code)) {
    return new CdnError("UPSTREAM_UNREACHABLE", `${url} cannot be reached (${code})`, { cause: error });
  }
  return new CdnError("UPSTREAM_FAILED", `${url} gave no HTTP answer`, { cause: error });
}
