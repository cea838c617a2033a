/** Purging over HTTP. */

import { createHash, timingSafeEqual } from "node:crypto";
import { CdnError, type CdnErrorCode } from "../../errors.ts";
import { toResponse } from "../../handler/convert.ts";
import type { Connection, FetchHandler } from "../../handler/fetch-handler.ts";
import { errorResponse } from "../../http/error-response.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import {
  bytesOrText,
  callable,
  checkOptions,
  listOf,
  logger as loggerRule,
  madeBy,
  required,
  text,
} from "../../options/check-options.ts";
import { type Purge, purgeOf, withoutStars } from "./purge.ts";
import type { PurgeResult, Purges } from "./purges.ts";
import { readText } from "./read-text.ts";
import { membersOf, wordsOf } from "./response-tags.ts";

/** Bytes of a request's body. */
export const MAX_PURGE_BODY_BYTES = 1024 * 1024;
/** Names of each kind that the log of a purge has. */
const LOGGED_NAMES = 10;
/** What a header field can carry as a token (RFC 6750 §2.1); fewer characters can be guessed. */
const TOKEN = /^[A-Za-z0-9\-._~+/]{16,}=*$/;

/** Options of {@link createPurgeApi}. */
export interface PurgeApiOptions {
  /** Without a `status`, nobody can ask for it. */
  readonly purges: Pick<Purges, "purge"> & Partial<Pick<Purges, "status">>;
  /** Bearer tokens (RFC 6750): 16 or more letters, digits and `- . _ ~ + /`. Several, so that they can be changed one after the other. */
  readonly tokens?: readonly string[];
  /** Whether a request may purge; instead of `tokens`, or beside them for those that have none of these. */
  readonly authorize?: (request: Request, connection: Connection | undefined) => boolean | Promise<boolean>;
  /** Where it takes JSON. Default `/purge`. */
  readonly path?: string;
  /** Default: silent. */
  readonly logger?: Logger;
}

const STATUS: Partial<Record<CdnErrorCode, number>> = {
  INVALID_PURGE: 400,
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  BODY_TOO_LARGE: 413,
  PURGE_UNAVAILABLE: 503,
  PURGE_BUSY: 503,
  CLOSED: 503,
  PURGE_INCOMPLETE: 504,
  PURGE_NOT_STORED: 507,
};

const EXTRA_FIELDS: Partial<Record<CdnErrorCode, readonly string[]>> = {
  UNAUTHORIZED: ["www-authenticate", "Bearer"],
  METHOD_NOT_ALLOWED: ["allow", "GET, POST, PURGE"],
  PURGE_UNAVAILABLE: ["retry-after", "1"],
  PURGE_BUSY: ["retry-after", "1"],
};

/**
 * Purging as a fetch handler, to be served on an address of its own or behind a path.
 *
 * - `POST /purge` with `{ "urls", "prefixes", "tags", "all", "soft" }`, or with tags in `Surrogate-Key` or `Cache-Tag` and no body.
 * - `PURGE <target>` for one URL; with `Surrogate-Key` or `Cache-Tag` for these tags instead; with `Soft-Purge: 1` softly.
 * - `GET /purge`: how this edge stands.
 *
 * 200 with `{ generation, id, edges, milliseconds }` says that it is purged everywhere; 504 that it is purged here and will be elsewhere. Errors are
 * `{ "error": { "code", "message" } }`.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function createPurgeApi(options: PurgeApiOptions): FetchHandler {
  checkOptions("createPurgeApi", options, {
    purges: required(madeBy("createPurges", "purge")),
    tokens: listOf(bytesOrText),
    authorize: callable,
    path: text,
    logger: loggerRule,
  });
  const { purges, tokens = [], authorize, path = "/purge", logger = silentLogger } = options;
  if (tokens.length === 0 && authorize === undefined) {
    throw new CdnError("INVALID_OPTION", "give tokens or authorize: whoever may purge may empty an edge");
  }
  if (tokens.some((token) => !TOKEN.test(token))) {
    throw new CdnError(
      "INVALID_OPTION",
      "a token is not 16 or more letters, digits and - . _ ~ + /, such as openssl rand -hex 32 makes",
    );
  }
  const digests = tokens.map(digestOf);

  const isAllowed = async (request: Request, connection: Connection | undefined): Promise<boolean> => {
    const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "") ?? [];
    if (token !== undefined && isOneOf(digests, token)) return true;
    return (await authorize?.(request, connection)) === true;
  };

  const purge = async (wanted: Purge, connection: Connection | undefined): Promise<Response> => {
    const about = { ...shownPurge(wanted), by: connection?.remoteAddress };
    try {
      const result = await purges.purge(wanted);
      logger.info({ ...about, id: result.id, edges: result.edges }, "purged");
      return jsonResponse(200, result);
    } catch (error) {
      if (error instanceof CdnError && error.code === "PURGE_INCOMPLETE") {
        const { id, edges } = error.cause as PurgeResult;
        logger.warn({ ...about, id, edges }, "purged here, and not certainly at all other edges");
      }
      throw error;
    }
  };

  return async (request, connection) => {
    const { pathname, search } = new URL(request.url);
    try {
      if (!(await isAllowed(request, connection)))
        throw new CdnError("UNAUTHORIZED", "give a token: Authorization: Bearer …");
      if (request.method === "PURGE") return await purge(purgeOfHeaders(request, pathname + search), connection);
      if (pathname !== path) throw new CdnError("NOT_FOUND", `purges are taken at ${path}`);
      const isRead = request.method === "GET" || request.method === "HEAD";
      if (isRead && purges.status !== undefined) return jsonResponse(200, purges.status);
      if (request.method !== "POST") throw new CdnError("METHOD_NOT_ALLOWED", `${path} takes POST and PURGE`);
      return await purge(await purgeOfBody(request), connection);
    } catch (error) {
      return failed(error, request, logger);
    }
  };
}

async function purgeOfBody(request: Request): Promise<Purge> {
  const text = await readText(request, MAX_PURGE_BODY_BYTES);
  if (text.trim() === "") return purgeOfHeaders(request, undefined);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CdnError("BAD_REQUEST", "the body is not JSON", { cause });
  }
  return purgeOf(json);
}

/** What a request without a body says. */
function purgeOfHeaders({ headers }: Request, target: string | undefined): Purge {
  const tags = [...wordsOf(headers.get("surrogate-key") ?? ""), ...membersOf(headers.get("cache-tag") ?? "")];
  const soft = headers.get("soft-purge") === "1";
  if (tags.length === 0 && target !== undefined) return withoutStars({ urls: [target], soft });
  return { tags, soft };
}

/** What is logged of a purge: the first names of each kind, and how many there are. */
function shownPurge({ urls = [], prefixes = [], tags = [], all = false, soft = false }: Purge): object {
  const lists = Object.entries({ urls, prefixes, tags }).filter(([, names]) => names.length > 0);
  const shown = lists.map(([kind, names]) => [kind, names.slice(0, LOGGED_NAMES).map((name) => name.slice(0, 200))]);
  const names = urls.length + prefixes.length + tags.length;
  return { ...Object.fromEntries(shown), ...(all && { all }), ...(names > LOGGED_NAMES && { names }), soft };
}

function jsonResponse(status: number, body: object): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}

function failed(error: unknown, request: Request, logger: Logger): Response {
  const known = error instanceof CdnError ? error : undefined;
  const code = known?.code ?? "HANDLER_FAILED";
  const status = STATUS[code] ?? 500;
  if (status >= 500 && code !== "PURGE_INCOMPLETE") logger.error({ err: error }, "a purge failed");
  const message = status === 500 ? "the purge failed; the log says why" : (known?.message ?? "");
  if (code === "PURGE_INCOMPLETE") {
    return jsonResponse(status, { error: { code, message }, ...(known?.cause as PurgeResult) });
  }
  return toResponse(errorResponse(status, code, message, EXTRA_FIELDS[code]), request.method);
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** In the same time whichever it is, and how much of it is right. */
function isOneOf(digests: readonly Buffer[], token: string): boolean {
  const given = digestOf(token);
  let found = false;
  for (const digest of digests) found = timingSafeEqual(digest, given) || found;
  return found;
}
