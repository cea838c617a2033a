/** HTTP/1.1 on node:http, whose strict parser is the one judge of what is a request. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { CdnError } from "../errors.ts";
import type { Connection } from "../handler/fetch-handler.ts";
import { letGo } from "../handler/let-go.ts";
import type { RawResponse } from "../handler/raw.ts";
import { errorResponse } from "../http/error-response.ts";
import type { Logger } from "../logger.ts";
import { connectionOf } from "./connection.ts";
import type { Connections, TrackedConnection } from "./connections.ts";
import type { Exchange } from "./exchange.ts";
import { framingOf, isEmptyByStatus } from "./framing.ts";
import type { ServerLimits } from "./limits.ts";
import type { PlainHeadReader } from "./plain-head.ts";
import { inPieces, MAX_WRITE_BYTES, relay } from "./relay.ts";
import { readHead, ServerRequest } from "./request.ts";
import { bodyTooLarge, readBody } from "./request-body.ts";
import type { BodyCopies } from "./sendfile/body-copies.ts";

/** What the adapters of both protocols share. */
export interface AdapterOptions {
  readonly exchange: Exchange;
  readonly connections: Connections;
  readonly limits: ServerLimits;
  /** Milliseconds, steady. */
  readonly clock: () => number;
  readonly logger: Logger;
  readonly heads: PlainHeadReader;
  /** What bodies are sent from where they are sent often; undefined where the system or the transport cannot. */
  readonly copies: BodyCopies | undefined;
}

/** Takes sockets and speaks HTTP/1.1 on them. */
export class Http1Adapter {
  readonly #options: AdapterOptions;
  readonly #server: Server;
  /** One per connection, not per request. */
  readonly #peers = new WeakMap<Socket, Connection>();

  constructor(options: AdapterOptions) {
    this.#options = options;
    const { limits } = options;
    this.#server = createServer({
      maxHeaderSize: limits.maxHeaderBytes,
      // Timeouts are those of `Connections`, which sees both protocols; node:http's own only run on a listening server.
      keepAliveTimeout: 0,
      headersTimeout: 0,
      requestTimeout: 0,
      insecureHTTPParser: false,
      // Looked for here: node:http refuses a request without it, and goes on with the next.
      requireHostHeader: false,
      noDelay: true,
    });
    // One more than allowed, so that readHead sees the excess instead of node:http dropping it silently.
    this.#server.maxHeadersCount = limits.maxHeaders + 1;
    this.#server.on("request", (request, response) => this.#answer(request, response));
    this.#server.on("checkContinue", (request, response) => {
      this.#answer(request, response, () => response.writeContinue());
    });
    this.#server.on("clientError", (error, socket) => this.#refuse(error, socket as Socket));
    this.#server.on("connect", (_request, socket) => {
      socket.end(rawRefusal(501, "METHOD_NOT_IMPLEMENTED", "this server is no tunnel"));
    });
  }

  /** Takes limits that changed: on connections from now on. */
  refreshLimits(): void {
    const { limits } = this.#options;
    this.#server.maxHeadersCount = limits.maxHeaders + 1;
    // Not in its types, but read for each connection.
    Object.assign(this.#server, { maxHeaderSize: limits.maxHeaderBytes });
  }

  /** Takes over a socket. */
  accept(connection: TrackedConnection): void {
    const { socket } = connection;
    connection.onTimeout = () => {
      socket.end(rawRefusal(408, "REQUEST_TIMEOUT", "the request header took too long"));
      socket.destroySoon();
    };
    this.#server.emit("connection", socket);
  }

  #answer(message: IncomingMessage, response: ServerResponse, sendContinue?: () => void): void {
    const { connections, exchange, limits } = this.#options;
    const { socket } = message;
    const connection = connections.get(socket);
    // What was sent ahead of a request that was refused is parsed already, and not answered (RFC 9112 §9.6).
    if (connection === undefined || connection.isRefused) return;
    connection.begin();
    const peer = this.#peerOf(message);
    const head =
      this.#versionRefusal(message) ??
      readHead(message.url ?? "", undefined, peer.tls === undefined ? "http" : "https", message.rawHeaders, limits);
    if ("status" in head) {
      connection.isRefused = true;
      response.on("close", () => connection.end());
      this.#write(message, response, head, connection);
      return;
    }
    const method = message.method ?? "GET";
    const coding = head.headers["transfer-encoding"];
    if (coding !== undefined && coding.toLowerCase() !== "chunked") {
      // RFC 9112 §6.1. node:http would only fail once the body is read.
      connection.isRefused = true;
      response.on("close", () => connection.end());
      const refusal = errorResponse(501, "BAD_REQUEST", "the only transfer coding is chunked", ["connection", "close"]);
      this.#write(message, response, refusal, connection);
      return;
    }
    const hasBody = head.headers["content-length"] !== undefined || coding !== undefined;
    const request = new ServerRequest(
      method,
      head.target,
      head,
      hasBody ? readBody(message, limits, sendContinue) : null,
      peer,
    );
    response.on("close", () => {
      if (!response.writableFinished) request.abort();
      connection.end();
    });
    if (Number(head.headers["content-length"] ?? 0) > limits.maxBodyBytes) {
      this.#write(message, response, exchange.failed(request, bodyTooLarge(limits)), connection);
      return;
    }
    // HTTP/1.0 has no interim answers (RFC 9110 §15.2).
    if (message.httpVersion !== "1.0")
      request.interim = (_request, status, headers) => inform(response, status, headers);
    const answer = exchange.run(request);
    if (answer instanceof Promise) void answer.then((raw) => this.#write(message, response, raw, connection));
    else this.#write(message, response, answer, connection);
  }

  #versionRefusal({ httpVersion, headers }: IncomingMessage): RawResponse | undefined {
    const message =
      httpVersion === "1.1" && headers.host === undefined
        ? "the request has no Host field"
        : httpVersion !== "1.1" && httpVersion !== "1.0"
          ? `HTTP/${httpVersion} is not spoken here`
          : undefined;
    return message === undefined ? undefined : errorResponse(400, "BAD_REQUEST", message, ["connection", "close"]);
  }

  #write(message: IncomingMessage, response: ServerResponse, raw: RawResponse, connection: TrackedConnection): void {
    const { body, release } = raw;
    if (response.destroyed) {
      letGo(body);
      release?.();
      return;
    }
    if (release !== undefined) response.once("close", release);
    // What is left of a request body would have to be read before the next request: rather start afresh.
    // (A message without one is not complete yet, either, when its answer is there at once.)
    const { "content-length": length = "0", "transfer-encoding": coding } = message.headers;
    const unread = !message.complete && (length !== "0" || coding !== undefined);
    if (connection.closing || unread) response.shouldKeepAlive = false;
    const framing = framingOf(raw, message.method ?? "GET");
    try {
      if (typeof framing === "string") throw new CdnError("HANDLER_FAILED", framing);
      response.writeHead(raw.status, withoutFraming(raw));
    } catch (error) {
      const about = { err: error, status: raw.status, target: message.url };
      this.#options.logger.error(about, "a handler gave an answer that is not HTTP");
      letGo(body);
      response.destroy();
      return;
    }
    if (framing.bodyless || body === null) {
      response.end();
      letGo(body);
      return;
    }
    if (body instanceof Uint8Array && body.byteLength <= MAX_WRITE_BYTES) {
      response.end(body);
      return;
    }
    response.flushHeaders();
    relay(body instanceof Uint8Array ? inPieces(body) : body, response, framing.length).catch((error) => {
      if (!(error instanceof CdnError && error.code === "ABORTED")) {
        this.#options.logger.warn({ err: error, target: message.url }, "an answer broke off");
      }
      response.destroy();
    });
  }

  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    this.#options.logger.debug({ err: error }, "refused a malformed request");
    const answer =
      error.code === "HPE_HEADER_OVERFLOW"
        ? rawRefusal(431, "HEADERS_TOO_LARGE", `the header has more than ${this.#options.limits.maxHeaderBytes} bytes`)
        : rawRefusal(400, "BAD_REQUEST", "this is not an HTTP/1.1 request");
    socket.end(answer);
    socket.destroySoon();
  }

  #peerOf(message: IncomingMessage): Connection {
    const known = this.#peers.get(message.socket);
    if (known !== undefined) return known;
    const peer = connectionOf(message.socket, message.httpVersion === "1.0" ? "http/1.0" : "http/1.1");
    this.#peers.set(message.socket, peer);
    return peer;
  }
}

/** Writes an interim answer, of those that node:http can write. */
function inform(response: ServerResponse, status: number, headers: readonly string[]): void {
  if (response.headersSent || response.destroyed) return;
  if (status === 102) response.writeProcessing();
  if (status !== 103) return;
  const hints: Record<string, string | string[]> = {};
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    const before = hints[name];
    hints[name] = before === undefined ? headers[at + 1]! : [before, headers[at + 1]!].flat();
  }
  try {
    response.writeEarlyHints({ ...hints, link: hints.link ?? [] });
  } catch {
    // node:http takes no `Link` but of a certain form: it is a hint, and the answer follows all the same.
  }
}

/** Fields as node:http wants them; how a message is delimited is for it to say, a handler may only ask for the connection's end. */
function withoutFraming({ status, headers }: RawResponse): string[] {
  const fields: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    if (name === "transfer-encoding" || name === "keep-alive" || (name === "content-length" && isEmptyByStatus(status)))
      continue;
    if (name !== "connection" || headers[at + 1] === "close") fields.push(name, headers[at + 1]!);
  }
  return fields;
}

function rawRefusal(status: number, code: Parameters<typeof errorResponse>[1], message: string): string {
  const { headers, body } = errorResponse(status, code, message, ["connection", "close"]);
  let text = `HTTP/1.1 ${status} Refused\r\n`;
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${text}\r\n${Buffer.from(body as Uint8Array).toString()}`;
}
