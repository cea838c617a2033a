/** HTTP/2 on node:http2: no push, bounded settings, and clients that open and reset streams without end are cut off. */

import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { CdnError } from "../errors.ts";
import type { Connection } from "../handler/fetch-handler.ts";
import { letGo } from "../handler/let-go.ts";
import type { RawResponse } from "../handler/raw.ts";
import { hopByHop } from "../http/fields.ts";
import { connectionOf } from "./connection.ts";
import { SendRate, type TrackedConnection } from "./connections.ts";
import { framingOf, isEmptyByStatus } from "./framing.ts";
import type { AdapterOptions } from "./http1.ts";
import { inPieces, MAX_WRITE_BYTES, relay } from "./relay.ts";
import { readHead, ServerRequest } from "./request.ts";
import { bodyTooLarge, readBody } from "./request-body.ts";

/** Bytes of a request body that a client may send ahead. */
const INITIAL_WINDOW = 256 * 1024;

const isHopByHop = hopByHop(undefined);

/** Takes sockets and speaks HTTP/2 on them. */
export class Http2Adapter {
  readonly #options: AdapterOptions;
  readonly #server: Http2Server;
  /** Response fields as node:http2 wants them, for as long as a handler hands over the same array. */
  readonly #fields = new WeakMap<readonly string[], Record<string, string | string[]>>();

  constructor(options: AdapterOptions) {
    this.#options = options;
    const { limits } = options;
    this.#server = createServer({
      // Twice what is allowed, so that a request moderately over it hears why; pseudo-headers come on top.
      maxHeaderListPairs: limits.maxHeaders * 2 + 4,
      maxSessionInvalidFrames: 100,
      maxSessionRejectedStreams: 100,
      maxSettings: 32,
      maxSessionMemory: 8,
      maxOutstandingPings: 4,
      streamResetBurst: limits.maxResetRate * 10,
      streamResetRate: limits.maxResetRate,
      settings: {
        enablePush: false,
        maxConcurrentStreams: limits.maxStreams,
        maxHeaderListSize: limits.maxHeaderBytes,
        initialWindowSize: INITIAL_WINDOW,
      },
    });
    this.#server.on("sessionError", (error) => options.logger.debug({ err: error }, "an HTTP/2 session failed"));
  }

  /** Takes limits that changed: in sessions from now on. */
  refreshLimits(): void {
    const { maxStreams, maxHeaderBytes } = this.#options.limits;
    this.#server.updateSettings({
      enablePush: false,
      maxConcurrentStreams: maxStreams,
      maxHeaderListSize: maxHeaderBytes,
      initialWindowSize: INITIAL_WINDOW,
    });
  }

  /** Takes over a socket. */
  accept(connection: TrackedConnection): void {
    const onSession = (session: ServerHttp2Session): void => this.#onSession(session, connection);
    this.#server.once("session", onSession);
    this.#server.emit("connection", connection.socket);
    // Where node:http2 made no session of this socket, the next one is another's.
    this.#server.off("session", onSession);
  }

  #onSession(session: ServerHttp2Session, connection: TrackedConnection): void {
    const { limits, clock } = this.#options;
    const peer = connectionOf(connection.socket, "h2");
    const open = new Set<OpenStream>();
    const resets = new ResetBudget(limits.maxResetRate);
    connection.onLeave = () => session.close();
    connection.onTimeout = () => session.destroy();
    connection.sweepStreams = (now) => {
      for (const { stream, rate, written } of open) {
        if (!rate.isTooSlow(stream.writableLength, written, now, limits)) continue;
        stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      }
    };
    const onReset = (): void => {
      if (!resets.spend(clock())) session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    };
    session.on("stream", (stream, headers, _flags, rawHeaders) => {
      if (stream.destroyed) {
        onReset();
        return;
      }
      connection.begin();
      const entry: OpenStream = { stream, target: headers[":path"], rate: new SendRate(), written: 0 };
      open.add(entry);
      stream.on("error", (error) => this.#options.logger.debug({ err: error }, "an HTTP/2 stream failed"));
      stream.on("close", () => {
        open.delete(entry);
        connection.end();
        if (stream.aborted) onReset();
      });
      this.#answer(entry, headers, rawHeaders, peer);
    });
  }

  #answer(entry: OpenStream, pseudo: IncomingHttpHeaders, fields: readonly string[], peer: Connection): void {
    const { exchange, limits } = this.#options;
    const { stream } = entry;
    const method = pseudo[":method"] ?? "GET";
    const scheme = peer.tls === undefined ? "http" : "https";
    const head = readHead(pseudo[":path"] ?? "", pseudo[":authority"], scheme, fields, limits);
    if ("status" in head) {
      this.#write(entry, method, head);
      return;
    }
    const body = stream.endAfterHeaders
      ? null
      : readBody(stream, limits, () => this.#continue(stream, head.headers.expect));
    const request = new ServerRequest(method, head.target, head, body, peer);
    stream.on("close", () => {
      if (stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR) request.abort();
    });
    if (Number(head.headers["content-length"] ?? 0) > limits.maxBodyBytes) {
      this.#write(entry, method, exchange.failed(request, bodyTooLarge(limits)));
      return;
    }
    request.interim = (_request, status, fields) => {
      if (stream.headersSent || stream.destroyed) return;
      stream.additionalHeaders(this.#fieldsOf({ status, headers: fields, body: null }));
    };
    const answer = exchange.run(request);
    if (answer instanceof Promise) void answer.then((raw) => this.#write(entry, method, raw));
    else this.#write(entry, method, answer);
  }

  #continue(stream: ServerHttp2Stream, expect: string | undefined): void {
    if (expect?.toLowerCase() === "100-continue" && !stream.headersSent) stream.additionalHeaders({ ":status": 100 });
  }

  #write(entry: OpenStream, method: string, raw: RawResponse): void {
    const { stream } = entry;
    const { body, release } = raw;
    if (stream.destroyed || stream.closed) {
      letGo(body);
      release?.();
      return;
    }
    if (release !== undefined) stream.once("close", release);
    const framing = framingOf(raw, method);
    try {
      if (typeof framing === "string") throw new CdnError("HANDLER_FAILED", framing);
      stream.respond(this.#fieldsOf(raw), { endStream: framing.bodyless });
    } catch (error) {
      const about = { err: error, status: raw.status, target: entry.target };
      this.#options.logger.error(about, "a handler gave an answer that is not HTTP");
      letGo(body);
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      return;
    }
    if (framing.bodyless || body === null) {
      letGo(body);
      return;
    }
    if (body instanceof Uint8Array && body.byteLength <= MAX_WRITE_BYTES) {
      entry.written = body.byteLength;
      stream.end(body);
      return;
    }
    const chunks = body instanceof Uint8Array ? inPieces(body) : body;
    const count = (bytes: number): void => {
      entry.written += bytes;
    };
    relay(chunks, stream, framing.length, count).catch((error) => {
      if (!(error instanceof CdnError && error.code === "ABORTED")) {
        this.#options.logger.warn({ err: error }, "an answer broke off");
      }
      // `close()` would end the stream as if its body were whole (Node sends END_STREAM before the reset).
      stream.destroy(new CdnError("ABORTED", "the answer broke off"));
    });
  }

  #fieldsOf({ status, headers }: RawResponse): Record<string, string | string[]> {
    const known = this.#fields.get(headers);
    if (known !== undefined) return known;
    const fields: Record<string, string | string[]> = Object.create(null);
    fields[":status"] = String(status);
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at]!;
      if (isHopByHop(name) || (name === "content-length" && isEmptyByStatus(status))) continue;
      const before = fields[name];
      fields[name] = before === undefined ? headers[at + 1]! : [before, headers[at + 1]!].flat();
    }
    this.#fields.set(headers, fields);
    return fields;
  }
}

interface OpenStream {
  readonly stream: ServerHttp2Stream;
  readonly target: string | undefined;
  readonly rate: SendRate;
  /** Body bytes handed over to the stream. */
  written: number;
}

/** How many streams a client may still reset before they are answered: a bucket that refills with time. */
class ResetBudget {
  readonly #rate: number;
  #left: number;
  #at: number | undefined;

  constructor(rate: number) {
    this.#rate = rate;
    this.#left = rate * 10;
  }

  /** False when there is nothing left. */
  spend(now: number): boolean {
    const elapsed = now - (this.#at ?? now);
    this.#at = now;
    this.#left = Math.min(this.#rate * 10, this.#left + (elapsed / 1000) * this.#rate) - 1;
    return this.#left >= 0;
  }
}
