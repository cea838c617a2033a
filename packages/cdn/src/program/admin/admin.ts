/** What operators can ask an edge, and tell it, over HTTP. On a port of its own, which clients do not reach. */

import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import type { Purge } from "../../edge/purge/purge.ts";
import { createPurgeApi } from "../../edge/purge/purge-api.ts";
import type { PurgeResult } from "../../edge/purge/purges.ts";
import type { FetchHandler } from "../../handler/fetch-handler.ts";
import type { Logger } from "../../logger.ts";
import { messageOf } from "../program-error.ts";
import type { ProgramReport } from "./program-report.ts";

/** What the admin port shows of a program, and does to it. */
export interface AdministeredProgram {
  report(): Promise<ProgramReport>;
  /** Prometheus' text. */
  metrics(): Promise<string>;
  /** @throws what is wrong with the config. */
  reload(): Promise<ReloadResult>;
  reopenLogs(): Promise<void>;
  /** In all processes. @throws {CdnError} `INVALID_PURGE`, `PURGE_INCOMPLETE` and others. */
  purge(purge: Purge): Promise<PurgeResult>;
}

/** What a reload changed. */
export interface ReloadResult {
  /** Sections of the config that differ and are in force. */
  readonly changed: readonly string[];
  /** Sections that differ and need a restart. */
  readonly restart: readonly string[];
}

/** Options of {@link createAdmin}. */
export interface AdminOptions {
  readonly program: AdministeredProgram;
  /** Asked for by everything but `/healthz` and `/readyz`. Without one, only clients on this machine may change anything. */
  readonly token?: string | undefined;
  /** Address that is listened on. On this machine's own, nobody may come by a name that somebody else could point there. */
  readonly host: string;
  readonly logger: Logger;
}

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
/** Open to all who reach the port: those who watch over processes often cannot send a token. */
const OPEN = new Set(["/healthz", "/readyz"]);

type Route = (program: AdministeredProgram, request: Request, purgeApi: FetchHandler) => Promise<Response>;

const READ: Readonly<Record<string, Route>> = {
  "/healthz": async () => Response.json({ alive: true }),
  "/readyz": async (program) => {
    const { notReady, warnings, load } = await program.report();
    const ready = notReady.length === 0;
    return Response.json(
      { ready, notReady, warnings, load: Math.round(load * 100) / 100 },
      { status: ready ? 200 : 503 },
    );
  },
  "/stats": async (program) => Response.json(await program.report()),
  "/metrics": async (program) => new Response(await program.metrics(), { headers: { "content-type": METRICS_TYPE } }),
};

const CHANGE: Readonly<Record<string, Route>> = {
  "/reload": async (program) => {
    try {
      return Response.json(await program.reload());
    } catch (error) {
      const problems = problemsOf(error);
      return refuse(422, "INVALID_CONFIG", messageOf(error), problems === undefined ? {} : { problems });
    }
  },
  "/purge": async (_program, request, purgeApi) => await purgeApi(request),
  "/reopen": async (program) => {
    await program.reopenLogs();
    return Response.json({ reopened: true });
  },
};

/** Answers operators. */
export function createAdmin({ program, token, host, logger }: AdminOptions): FetchHandler {
  // Who gets as far as a route may purge.
  const purgeApi = createPurgeApi({ purges: program, authorize: () => true, logger });
  return async (request, connection) => {
    const response = await answer(request, connection?.remoteAddress ?? "");
    response.headers.set("cache-control", "no-store");
    return response;
  };

  async function answer(request: Request, address: string): Promise<Response> {
    const url = new URL(request.url);
    const isRead = request.method === "GET" || request.method === "HEAD";
    const route = (isRead ? READ : CHANGE)[url.pathname];
    if (route === undefined) return noRoute(url.pathname);
    const isOwn = !isRead || isLoopback(host);
    if (isOfPage(request.headers) || (token === undefined && isOwn && !isOwnName(url.hostname))) {
      return refuse(403, "FORBIDDEN", "web pages may not ask here");
    }
    if (!OPEN.has(url.pathname) && token !== undefined && !isToken(request.headers.get("authorization"), token)) {
      const refusal = refuse(401, "UNAUTHORIZED", "this needs Authorization: Bearer, and the admin token");
      refusal.headers.set("www-authenticate", "Bearer");
      return refusal;
    }
    if (!isRead && token === undefined && !isLoopback(address)) {
      return refuse(403, "FORBIDDEN", "without an admin token, only this machine may change anything");
    }
    if (!isRead && request.method !== "POST") return noRoute(url.pathname);
    return await route(program, request, purgeApi);
  }
}

function noRoute(path: string): Response {
  const allow = Object.hasOwn(READ, path) ? "GET, HEAD" : Object.hasOwn(CHANGE, path) ? "POST" : undefined;
  if (allow === undefined)
    return refuse(
      404,
      "NOT_FOUND",
      `there is ${Object.keys(READ).join(", ")} here, and POST ${Object.keys(CHANGE).join(", ")}`,
    );
  const refusal = refuse(405, "METHOD_NOT_ALLOWED", `${path} takes ${allow}`);
  refusal.headers.set("allow", allow);
  return refusal;
}

function refuse(status: number, code: string, message: string, more: object = {}): Response {
  return Response.json({ error: { code, message, ...more } }, { status });
}

/** A browser that is on this machine reaches the port for any page that it shows. */
function isOfPage(headers: Headers): boolean {
  const relation = headers.get("sec-fetch-site");
  return headers.has("origin") || (relation !== null && relation !== "none" && relation !== "same-origin");
}

/** Not a name that somebody else could point here (DNS rebinding). */
function isOwnName(host: string): boolean {
  return host === "localhost" || isIP(host.replace(/^\[|\]$/g, "")) !== 0 || !host.includes(".");
}

function isLoopback(address: string): boolean {
  return address === "::1" || address === "localhost" || /^(?:::ffff:)?127\./.test(address);
}

function isToken(field: string | null, token: string): boolean {
  const given = /^Bearer +(\S+)$/i.exec(field ?? "")?.[1];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function problemsOf(error: unknown): readonly string[] | undefined {
  return error instanceof Error && "problems" in error ? (error.problems as readonly string[]) : undefined;
}
