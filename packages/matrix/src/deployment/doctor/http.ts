/** Asking a server over HTTP, and finding out how that went: certificates are judged by a check of their own. */

import { type IncomingMessage, type RequestOptions, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { isIP } from "node:net";

/** Milliseconds that a server may take to answer. */
export const ASK_DEADLINE = 10_000;
/** Bytes of an answer that are read. */
const MAX_BODY = 1024 * 1024;

/** How servers are reached. */
export interface Route {
  /** Addresses to connect to instead of what DNS says, as `host:port` by `host:port`. */
  readonly connectTo: Readonly<Record<string, string>>;
  /** Certificates of authorities to trust besides those of Node, PEM. */
  readonly ca: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What is asked. */
export interface Question {
  readonly method?: "GET" | "POST";
  readonly token?: string | undefined;
  readonly body?: object | Uint8Array;
}

/** What a server said. */
export interface Reply {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** Bytes, at most a mebibyte. */
  readonly bytes: Uint8Array;
  /** The body as a JSON object; undefined where it is none. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** Milliseconds since 1970 at which the answer began to arrive. */
  readonly receivedAt: number;
}

/** Asks once. Follows no redirect. Rejects with the reason in a line where there is no answer. */
export async function ask(url: URL, route: Route, { method = "GET", token, body }: Question = {}): Promise<Reply> {
  const { hostname, port } = endpoint(url, route);
  const secure = url.protocol === "https:";
  const sent = body === undefined ? undefined : body instanceof Uint8Array ? body : JSON.stringify(body);
  const timeout = AbortSignal.timeout(ASK_DEADLINE);
  const options: RequestOptions = {
    method,
    host: hostname,
    port,
    path: url.pathname + url.search,
    agent: false,
    signal: route.signal === undefined ? timeout : AbortSignal.any([route.signal, timeout]),
    headers: {
      Host: url.host,
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(sent === undefined ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(sent) }),
    },
  };
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const servername = isIP(url.hostname) === 0 ? url.hostname : "";
    const outgoing = secure ? requestTls({ ...options, servername, rejectUnauthorized: false }) : requestPlain(options);
    outgoing.once("response", resolve);
    outgoing.once("error", (cause) => {
      if (route.signal?.aborted) reject(route.signal.reason);
      else if (timeout.aborted)
        reject(new Error(`${url.origin} did not answer in ${ASK_DEADLINE / 1000} s`, { cause }));
      else reject(cause);
    });
    outgoing.end(sent);
  });
  const receivedAt = Date.now();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BODY) throw new Error(`${url.href} answers with more than a mebibyte`);
  }
  const bytes = Buffer.concat(chunks);
  const header = (name: string): string | undefined => {
    const value = incoming.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  return { status: incoming.statusCode ?? 0, header, bytes, json: parse(bytes), receivedAt };
}

/** Where to connect for a URL. */
export function endpoint(url: URL, { connectTo }: Route): { hostname: string; port: number } {
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  const other = connectTo[`${url.hostname}:${port}`];
  if (other === undefined) return { hostname: url.hostname.replace(/^\[|\]$/g, ""), port };
  const { hostname, port: otherPort } = new URL(`tcp://${other}`);
  return { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(otherPort) };
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** An error in a line. */
export function reason(error: unknown): string {
  const { message = String(error), code } = error as { message?: string; code?: string };
  return (message || code || "no reason given").split("\n", 1)[0] ?? "";
}
