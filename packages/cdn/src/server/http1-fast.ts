/**
 * HTTP/1.1 without node:http, for the requests that players make: GET and HEAD of the plainest form, answered by a raw handler.
 *
 * It reads a strict subset of RFC 9112, whole heads in one piece. The first request on a connection that is anything else, a body, an
 * `Expect`, an upgrade, a field it would have to think about, goes to node:http with all that follows, which stays the one judge of what is
 * unusual or malformed. Measured, this halves the CPU of a cached kilobyte; see bench/edge-vs-peers.bench.ts.
 */

import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { CdnError } from "../errors.ts";
import type { Connection } from "../handler/fetch-handler.ts";
import { letGo } from "../handler/let-go.ts";
import type { RawResponse } from "../handler/raw.ts";
import { formatHttpDate } from "../http/conditional.ts";
import { fieldOf } from "../http/fields.ts";
import { connectionOf } from "./connection.ts";
import type { TrackedConnection } from "./connections.ts";
import { type Framing, framingOf, isEmptyByStatus } from "./framing.ts";
import type { AdapterOptions } from "./http1.ts";
import { ChunkedSink, LengthSink, MAX_WAITING_BYTES } from "./http1-sinks.ts";
import { isWorthKeeping, type KnownFields, type PlainRequest } from "./plain-head.ts";
import { inPieces, MAX_WRITE_BYTES, relay } from "./relay.ts";
import { ServerRequest } from "./request.ts";
import type { BodyCopy } from "./sendfile/body-copies.ts";
import { sendCopy } from "./sendfile/send-copy.ts";
import { readShared, unreadShared } from "./socket-inside.ts";

const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Head and body go out as one piece up to here: copying is then cheaper than a second buffer to write. */
const JOIN_BYTES = 2048;

/** Statuses whose message ends with its head, whatever its fields say (RFC 9112 §6.3). */
const NEVER_A_BODY = /^(?:204|304)$/;
const EMPTY = Buffer.alloc(0);
const CHUNKED = "transfer-encoding: chunked\r\n";

interface KnownHead {
  readonly status: number;
  /** What its `content-length` says. */
  readonly length: number;
  readonly bytes: Buffer;
  /** The head and a small body in one piece, and which body that is. */
  message?: Buffer;
  body?: Uint8Array;
}

/** Heads as bytes, for as long as a handler hands over the same array. Only those with a `date` of their own: the others change. */
const heads = new WeakMap<readonly string[], KnownHead>();

/** One connection on the fast path. */
export class FastHttp1Connection {
  readonly #options: AdapterOptions;
  readonly #tracked: TrackedConnection;
  readonly #socket: Socket;
  readonly #peer: Connection;
  readonly #handOver: (connection: TrackedConnection) => void;
  /** Bytes that arrived while an answer was under way. */
  #pending: Buffer | undefined;
  /** What its last request had. */
  #fields: KnownFields | undefined;
  /** Being answered, or waiting for the client to take what was written. */
  #current: ServerRequest | undefined;
  #blocked = false;
  readonly #isTls: boolean;

  /**
   * @param first - what the client said already, when its socket is flowing; undefined when it is not yet.
   * @param handOver - gives the connection to node:http; its socket has been given back what was read.
   */
  constructor(
    tracked: TrackedConnection,
    options: AdapterOptions,
    first: Buffer | undefined,
    handOver: (connection: TrackedConnection) => void,
  ) {
    this.#tracked = tracked;
    this.#options = options;
    this.#socket = tracked.socket;
    this.#peer = connectionOf(tracked.socket, "http/1.1");
    this.#handOver = handOver;
    tracked.isWhole = true;
    this.#isTls = this.#peer.tls !== undefined;
    this.#socket.on("drain", this.#onDrain);
    this.#socket.on("close", this.#onClose);
    if (!readShared(this.#socket, this.#onRead)) this.#socket.on("data", this.#onData);
    // Its stream carries no bytes any more where they are read into the shared buffer, but still says when they end.
    else if (first === undefined) this.#socket.resume();
    if (first !== undefined) this.#onData(first);
  }

  readonly #onRead = (length: number, buffer: Buffer): boolean => {
    if (this.#pending === undefined && this.#current === undefined && !this.#blocked) this.#read(buffer, length, true);
    else this.#onData(Buffer.from(buffer.subarray(0, length)));
    return true;
  };

  readonly #onData = (chunk: Buffer): void => {
    const bytes = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = undefined;
    this.#read(bytes, bytes.length, false);
  };

  readonly #onDrain = (): void => {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#proceed();
  };

  readonly #onClose = (): void => {
    this.#current?.abort();
  };

  /** @param lent - the bytes are another's as soon as this returns. */
  #read(bytes: Buffer, length: number, lent: boolean): void {
    const { heads, limits } = this.#options;
    // As text: made once for all requests that arrived together. It may end in the middle of one.
    let textStart = 0;
    let textEnd = Math.min(length, limits.maxHeaderBytes);
    let text = bytes.toString("latin1", 0, textEnd);
    for (let at = 0; at < length; ) {
      // Closed by the answer before: what the client sent ahead of it is not answered (RFC 9112 §9.6).
      if (this.#socket.destroyed || this.#socket.writableEnded) return;
      if (this.#current !== undefined || this.#blocked) {
        const rest = bytes.subarray(at, length);
        this.#pending = lent ? Buffer.from(rest) : rest;
        // Reading goes on, else the client's leaving went unnoticed; but not without bound.
        if (rest.length > limits.maxHeaderBytes) this.#socket.pause();
        return;
      }
      let head = heads.read(text, at - textStart, this.#fields);
      if (head === undefined && textStart < at && textEnd < length) {
        textStart = at;
        textEnd = Math.min(length, at + limits.maxHeaderBytes);
        text = bytes.toString("latin1", textStart, textEnd);
        head = heads.read(text, 0, this.#fields);
      }
      if (head === undefined) {
        const rest = bytes.subarray(at, length);
        this.#leaveTo(lent ? Buffer.from(rest) : rest);
        return;
      }
      if ("status" in head) {
        // Every refusal closes.
        this.#tracked.begin();
        this.#write(text.startsWith("HEAD ", at - textStart) ? "HEAD" : "GET", head);
        this.#tracked.end();
        return;
      }
      at = textStart + head.end;
      this.#answer(head);
    }
  }

  #answer({ method, target, fields }: PlainRequest): void {
    if (fields !== this.#fields && isWorthKeeping(fields)) this.#fields = fields;
    this.#tracked.begin();
    const request = new ServerRequest(method, target, fields, null, this.#peer);
    this.#current = request;
    request.interim = this.#inform;
    const answer = this.#options.exchange.run(request);
    const written = answer instanceof Promise ? this.#writeLater(request, answer) : this.#write(method, answer);
    if (written !== undefined) {
      void this.#finish(written);
      return;
    }
    this.#current = undefined;
    this.#tracked.end();
  }

  async #writeLater(request: ServerRequest, answer: Promise<RawResponse>): Promise<void> {
    const raw = await answer;
    request.interim = undefined;
    await this.#write(request.method, raw);
  }

  /** An interim answer (RFC 9110 §15.2). */
  readonly #inform = (_request: ServerRequest, status: number, headers: readonly string[]): void => {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n`;
    for (let at = 0; at < headers.length; at += 2) {
      const [name = "", value = ""] = headers.slice(at, at + 2);
      if (FIELD_NAME.test(name) && FIELD_VALUE.test(value)) text += `${name}: ${value}\r\n`;
    }
    this.#socket.write(`${text}\r\n`, "latin1");
  };

  /** An answer that is not here yet, or whose body is not. */
  async #finish(written: Promise<void>): Promise<void> {
    try {
      await written;
    } catch (error) {
      if (!(error instanceof CdnError && error.code === "ABORTED")) {
        this.#options.logger.warn({ err: error }, "an answer broke off");
      }
      this.#socket.destroy();
    }
    this.#current = undefined;
    this.#tracked.end();
    this.#proceed();
  }

  #proceed(): void {
    if (this.#current !== undefined || this.#blocked || this.#socket.destroyed) return;
    const rest = this.#pending;
    this.#pending = undefined;
    if (this.#socket.isPaused()) this.#socket.resume();
    if (rest !== undefined) this.#read(rest, rest.length, false);
  }

  /** Writes an answer. Undefined when all of it is handed over; otherwise when it will be. */
  #write(method: string, raw: RawResponse): Promise<void> | undefined {
    const { body, headers, release } = raw;
    if (this.#socket.destroyed || this.#socket.writableEnded) {
      letGo(body);
      release?.();
      return undefined;
    }
    const known = heads.get(headers);
    if (known !== undefined && method === "GET" && body instanceof Uint8Array && !this.#tracked.closing) {
      if (known.status === raw.status && known.length === body.byteLength) {
        const copy = this.#options.copies?.of(body);
        if (copy !== undefined) {
          return this.#sendCopy(known.bytes, body, copy, release, false);
        }
        if (known.length <= MAX_WRITE_BYTES) {
          this.#writeWhole(known.bytes, body, release, known);
          return undefined;
        }
      }
    }
    const framing = framingOf(raw, method);
    const close = this.#tracked.closing || fieldOf(headers, "connection") === "close";
    const head = typeof framing === "string" ? this.#refuse(raw, framing) : this.#head(raw, close, framing);
    if (head === undefined || typeof framing === "string") {
      letGo(body);
      release?.();
      this.#socket.destroy();
      return undefined;
    }
    if (framing.bodyless || body === null) {
      letGo(body);
      release?.();
      this.#socket.write(head);
      if (close) this.#socket.end();
      else this.#settle(undefined);
      return undefined;
    }
    if (body instanceof Uint8Array && framing.length !== undefined) {
      const copy = this.#options.copies?.of(body);
      if (copy !== undefined) {
        return this.#sendCopy(head, body, copy, release, close);
      }
    }
    if (body instanceof Uint8Array && body.byteLength <= MAX_WRITE_BYTES) {
      this.#writeWhole(head, body, release, undefined);
      if (close) this.#socket.end();
      return undefined;
    }
    // What the source has at once goes out with the head, by one call of the system.
    this.#socket.cork();
    setImmediate(uncork, this.#socket);
    this.#socket.write(head);
    const sink =
      framing.length === undefined
        ? new ChunkedSink(this.#tracked)
        : new LengthSink(this.#tracked, this.#options.copies);
    const chunks = body instanceof Uint8Array ? inPieces(body) : body;
    const relayed = relay(chunks, sink, framing.length).then(() => {
      if (close) this.#socket.end();
    });
    return release === undefined ? relayed : relayed.finally(release);
  }

  #writeWhole(head: Buffer, body: Uint8Array, release: (() => void) | undefined, known: KnownHead | undefined): void {
    const socket = this.#socket;
    const size = head.length + body.byteLength;
    if (size > JOIN_BYTES) {
      socket.cork();
      socket.write(head);
      if (this.#isTls) {
        // Never taken at once: encrypted, then written.
        const more = socket.write(body, release);
        socket.uncork();
        if (!more) this.#blocked = true;
        return;
      }
      socket.write(body);
      socket.uncork();
      this.#settle(release);
      return;
    }
    if (known === undefined) socket.write(Buffer.concat([head, body], size));
    else {
      if (known.message === undefined || known.body !== body) {
        known.message = Buffer.concat([head, body], size);
        known.body = body;
      }
      socket.write(known.message);
    }
    this.#settle(release);
  }

  /** Undefined when the system took all of it at once; otherwise when it has. Until then the request is under way. */
  #sendCopy(
    head: Buffer,
    body: Uint8Array,
    copy: BodyCopy,
    release: (() => void) | undefined,
    close: boolean,
  ): Promise<void> | undefined {
    const socket = this.#socket;
    let isSent = false;
    let onSent: (() => void) | undefined;
    socket.write(head);
    sendCopy(this.#tracked, copy, body, () => {
      isSent = true;
      release?.();
      if (close) socket.end();
      onSent?.();
    });
    if (isSent) return undefined;
    return new Promise((resolve) => {
      onSent = resolve;
    });
  }

  /** Waits, where the system did not take at once all that was written, until it has. */
  #settle(release: (() => void) | undefined): void {
    const socket = this.#socket;
    const waiting = socket.writableLength;
    if (waiting === 0 || (release === undefined && waiting < MAX_WAITING_BYTES)) {
      release?.();
      return;
    }
    this.#blocked = true;
    socket.write(EMPTY, () => {
      release?.();
      if (!this.#blocked) return;
      this.#blocked = false;
      this.#proceed();
    });
  }

  /** The head as bytes; undefined where the handler's fields are not HTTP. */
  #head(raw: RawResponse, close: boolean, { length, stated, bodyless }: Framing): Buffer | undefined {
    const { status, headers } = raw;
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n`;
    let dated = false;
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at]!;
      const value = headers[at + 1]!;
      if (name === "connection" || name === "transfer-encoding" || name === "keep-alive") continue;
      if (name === "content-length" && isEmptyByStatus(status)) continue;
      if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) return this.#refuse(raw, `its field ${name} is not HTTP`);
      if (name === "date") dated = true;
      text += `${name}: ${value}\r\n`;
    }
    if (!dated) text += `date: ${formatHttpDate(Date.now())}\r\n`;
    if (close) text += "connection: close\r\n";
    if (!stated && length !== undefined && !NEVER_A_BODY.test(`${status}`)) text += `content-length: ${length}\r\n`;
    if (length === undefined && !bodyless) text += CHUNKED;
    const bytes = Buffer.from(`${text}\r\n`, "latin1");
    if (dated && !close && stated) heads.set(headers, { status, length: length ?? 0, bytes });
    return bytes;
  }

  #refuse({ status }: RawResponse, why: string): undefined {
    this.#options.logger.error(
      { status, target: this.#current?.target },
      `a handler gave an answer that is not HTTP: ${why}`,
    );
  }

  #leaveTo(rest: Buffer): void {
    this.#tracked.isWhole = false;
    this.#tracked.noteUnread(rest.length);
    unreadShared(this.#socket);
    this.#socket.off("data", this.#onData);
    this.#socket.off("drain", this.#onDrain);
    this.#socket.off("close", this.#onClose);
    this.#socket.pause();
    this.#socket.unshift(rest);
    this.#handOver(this.#tracked);
    this.#socket.resume();
  }
}

function uncork(socket: Socket): void {
  socket.uncork();
}
