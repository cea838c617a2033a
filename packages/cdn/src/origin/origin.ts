/** The origin: live packagers and a store of recordings behind one fetch handler. */

import { CdnError, type CdnErrorCode } from "../errors.ts";
import { bytesOf, responseBytes } from "../handler/bytes-response.ts";
import type { Connection, FetchHandler } from "../handler/fetch-handler.ts";
import { decodeSegments, normalizePath } from "../http/path.ts";
import { type Logger, silentLogger } from "../logger.ts";
import {
  atLeast0,
  checkOptions,
  having,
  listOf,
  logger as loggerRule,
  object,
  oneOrMore,
  orFalse,
  type Rules,
  text,
} from "../options/check-options.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { type CorsOptions, createCors } from "./cors.ts";
import { serveObject, type VodCaching } from "./vod.ts";

/** One live stream in `/live.json`. */
export interface LiveEntry {
  /** Its name in `/live/<name>/…`. */
  readonly name: string;
  /** ISO 8601, where known. */
  readonly startedAt?: string;
  /** More that the page should know; must be JSON. */
  readonly [field: string]: unknown;
}

/** What is live now. */
export interface LiveStreams {
  /** Handler of a stream; it gets requests whose path is relative to the stream: `/index.m3u8`. */
  get(name: string): FetchHandler | undefined;
  list(): readonly LiveEntry[];
}

/** Options of {@link createOrigin}. */
export interface OriginOptions {
  /** Served under `/live/<stream>/…`, and listed by `/live.json`. */
  readonly live?: LiveStreams;
  /** Served under `/vod/<key>`. */
  readonly vod?: ObjectStore;
  readonly vodCaching?: VodCaching;
  /** Who may read answers from another site. Default: everybody. False: no CORS fields at all. */
  readonly cors?: CorsOptions | false;
  /** Default: silent. */
  readonly logger?: Logger;
}

const RULES: Rules<OriginOptions> = {
  live: having("get", "list"),
  vod: having("get", "head"),
  vodCaching: object<VodCaching>({ playlists: text, media: text }),
  cors: orFalse(
    object<CorsOptions>({
      origins: oneOrMore(text),
      exposeHeaders: listOf(text),
      allowHeaders: listOf(text),
      maxAge: atLeast0("seconds"),
    }),
  ),
  logger: loggerRule,
};

const METHODS = "GET, HEAD, OPTIONS";

/** How long a cache may remember that something is not there: at the live edge it may be there a part later. */
const NOT_FOUND_CACHING = "public, max-age=1";

/** No browser keeps what is live; an edge may for a second, so that not each viewer's question comes here (RFC 9213). */
const LIST_CACHING = { "cache-control": "no-cache", "cdn-cache-control": "max-age=1" };

/** How each error is answered. */
const STATUS: Partial<Record<CdnErrorCode, number>> = {
  INVALID_PATH: 400,
  INVALID_KEY: 400,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  OBJECT_CHANGED: 503,
};

/**
 * A fetch handler over what is live and what is recorded: `/live/<stream>/…`, `/vod/<key>`, `/live.json`.
 *
 * Caching fields of live answers are the packager's own. Errors are `{ "error": { "code", "message" } }`.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function createOrigin(options: OriginOptions): FetchHandler {
  checkOptions("createOrigin", options, RULES);
  const { live, vod, vodCaching = {}, logger = silentLogger } = options;
  const cors = options.cors === false ? undefined : createCors(options.cors);

  const route = async (request: Request, connection: Connection | undefined): Promise<Response> => {
    const url = new URL(request.url);
    const path = normalizePath(requestPath(request.url));
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: [["allow", METHODS], ...(cors?.preflight(request) ?? [])] });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw new CdnError("METHOD_NOT_ALLOWED", `only ${METHODS} are allowed here`);
    }
    const [root, ...segments] = decodeSegments(path);
    if (root === "live.json" && segments.length === 0 && live !== undefined) {
      return Response.json({ streams: live.list() }, { headers: LIST_CACHING });
    }
    if (root === "vod" && vod !== undefined) return await serveObject(vod, segments.join("/"), request, vodCaching);
    const [name, ...rest] = segments;
    if (root === "live" && name !== undefined && rest.length > 0) {
      const handler = live?.get(name);
      if (handler === undefined) throw new CdnError("NOT_FOUND", "no stream of this name is live");
      const relative = path.split("/").slice(3).join("/");
      return await handler(new Request(`${url.origin}/${relative}${url.search}`, request), connection);
    }
    throw new CdnError("NOT_FOUND", "nothing is served here");
  };

  return async (request, connection) => {
    let response: Response;
    try {
      response = await route(request, connection);
    } catch (error) {
      if (request.signal.aborted) throw error;
      response = refuse(error, logger, request);
    }
    if (request.method === "OPTIONS" || cors === undefined) return response;
    return withFields(response, cors.fields(request));
  };
}

/** The path as it was sent: `URL` would have resolved its dot segments. */
function requestPath(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const end = url.search(/[?#]/);
  return start === -1 ? "/" : url.slice(start, end === -1 ? undefined : end);
}

function refuse(error: unknown, logger: Logger, request: Request): Response {
  const code = error instanceof CdnError ? error.code : "HANDLER_FAILED";
  const status = STATUS[code] ?? 500;
  const headers = new Headers({ "cache-control": status === 404 ? NOT_FOUND_CACHING : "no-store" });
  if (status === 405) headers.set("allow", METHODS);
  if (status === 503) headers.set("retry-after", "1");
  if (status === 500) logger.error({ err: error, url: request.url }, "the origin failed");
  const message = status !== 500 && error instanceof Error ? error.message : "the origin failed to answer";
  return Response.json({ error: { code, message } }, { status, headers });
}

/** The response with more fields. One that came from `fetch` has frozen ones, and is made anew. */
function withFields(response: Response, fields: readonly [string, string][]): Response {
  let target = response;
  for (const [name, value] of fields) {
    try {
      if (name === "vary") target.headers.append(name, value);
      else target.headers.set(name, value);
    } catch (error) {
      if (target !== response || !(error instanceof TypeError)) throw error;
      const bytes = bytesOf(response);
      target = new Response(response.body, response);
      if (bytes !== undefined) Object.assign(target, { [responseBytes]: bytes });
      return withFields(target, fields);
    }
  }
  return target;
}
