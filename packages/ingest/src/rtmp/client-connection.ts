/** One connection of the client: the socket around a session. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { IngestError } from "../errors.ts";
import type { HandshakeKind } from "./handshake/client-handshake.ts";
import type { RtmpMessage } from "./message/message.ts";
import type { RtmpUrl } from "./rtmp-url.ts";
import { type ClientEvent, ClientSession } from "./session/client-session.ts";

/** What a connection needs. */
export interface ClientConnectionOptions {
  readonly url: RtmpUrl;
  readonly mode: "publish" | "play";
  readonly tls: ConnectionOptions | undefined;
  readonly handshake: HandshakeKind;
  /** Milliseconds from the start to the server's yes. */
  readonly connectTimeout: number;
  /** Milliseconds without a byte from a server that we play, or taken by one that we publish to. */
  readonly idleTimeout: number;
  /** Takes the messages of a stream that is played. May throw: that ends the connection. */
  readonly onMedia?: (message: RtmpMessage) => void;
}

/** Milliseconds that the server has to take a last message. */
const LINGER = 1_000;

/** See the module comment. */
export class ClientConnection {
  /** Aborts when the connection is over; its reason is an {@link IngestError}. */
  readonly lost: AbortSignal;
  readonly #options: ClientConnectionOptions;
  readonly #lost = new AbortController();
  readonly #socket: Socket;
  readonly #session: ClientSession;
  readonly #started: Promise<void>;
  #start: () => void = () => {};
  #ended = false;

  private constructor(options: ClientConnectionOptions) {
    const { url, tls } = options;
    this.#options = options;
    this.lost = this.#lost.signal;
    this.#session = new ClientSession({
      mode: options.mode,
      app: url.app,
      tcUrl: url.tcUrl,
      streamName: url.streamName,
      now: performance.now(),
      handshake: options.handshake,
    });
    this.#started = new Promise((resolve) => {
      this.#start = resolve;
    });
    const { host, port } = url;
    this.#socket = url.secure
      ? connectTls({ host, port, ...(host.includes(":") || /^[\d.]+$/.test(host) ? {} : { servername: host }), ...tls })
      : connect({ host, port });
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.#socket.on("error", (error) => this.#fail(connectionError(error, this.#session.started)));
    this.#socket.on("close", () => this.#fail(new IngestError("CONNECTION_LOST", "the server closed the connection")));
    this.#socket.once(url.secure ? "secureConnect" : "connect", () => this.#flush());
  }

  /**
   * Connects and waits until the server has agreed.
   *
   * @throws {IngestError} when it does not, or `signal` aborts.
   */
  static async open(options: ClientConnectionOptions, signal: AbortSignal): Promise<ClientConnection> {
    signal.throwIfAborted();
    const connection = new ClientConnection(options);
    const { connectTimeout } = options;
    const timer = setTimeout(() => {
      connection.#fail(new IngestError("HANDSHAKE_TIMEOUT", `the server did not answer within ${connectTimeout} ms`));
    }, connectTimeout);
    const onAbort = () => connection.#fail(new IngestError("CLOSED", "the client was closed"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([connection.#started, rejection(connection.lost)]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
    connection.#watch();
    return connection;
  }

  /** Sends a message of the stream and waits while the server is slow. Does nothing once the connection is over. */
  async send(typeId: number, timestamp: number, payload: Uint8Array): Promise<void> {
    if (this.lost.aborted) return;
    this.#session.send(typeId, timestamp, payload);
    if (this.#flush()) return;
    try {
      await once(this.#socket, "drain", { signal: this.lost });
    } catch (error) {
      if (!this.lost.aborted) throw error;
    }
  }

  /** Says goodbye, waits until that is sent, and closes. */
  async finish(): Promise<void> {
    if (this.lost.aborted) return;
    this.#session.stop();
    this.#flush();
    this.#ended = true;
    const timer = setTimeout(() => this.#socket.destroy(), LINGER);
    this.#socket.end();
    // Servers may reset instead of closing: everything is sent, so that is no failure any more.
    if (!this.#socket.closed) await new Promise((resolve) => this.#socket.once("close", resolve));
    clearTimeout(timer);
  }

  /** Closes at once, for what went wrong. */
  fail(error: unknown): void {
    this.#fail(
      error instanceof IngestError ? error : new IngestError("INVALID_MEDIA", String(error), { cause: error }),
    );
  }

  /** Closes at once. */
  destroy(): void {
    this.#fail(new IngestError("CLOSED", "the connection was closed"));
  }

  // Node starts a socket's timer anew with every byte read or written.
  #watch(): void {
    const { idleTimeout, mode } = this.#options;
    this.#socket.setTimeout(idleTimeout, () => {
      if (mode === "publish" && this.#socket.writableLength === 0) return;
      const what = mode === "play" ? "sent" : "took";
      this.#fail(new IngestError("IDLE_TIMEOUT", `the server ${what} nothing for ${idleTimeout} ms`));
    });
  }

  #receive(bytes: Buffer): void {
    if (this.lost.aborted) return;
    try {
      for (const event of this.#session.receive(bytes)) this.#handle(event);
      this.#flush();
    } catch (error) {
      this.fail(error);
    }
  }

  #handle(event: ClientEvent): void {
    if (event.type === "started") this.#start();
    else if (event.type === "media") this.#options.onMedia?.(event.message);
    else this.#fail(new IngestError("STREAM_ENDED", event.description));
  }

  #flush(): boolean {
    let ready = true;
    if (this.#socket.connecting) return true;
    for (const bytes of this.#session.takeOutput()) ready = this.#socket.write(bytes);
    return ready;
  }

  #fail(error: IngestError): void {
    if (!this.lost.aborted) this.#lost.abort(error);
    if (!this.#ended) this.#socket.destroy();
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function connectionError(error: Error, started: boolean): IngestError {
  const code = started ? "CONNECTION_LOST" : "CONNECTION_FAILED";
  return new IngestError(code, `the connection to the server failed: ${error.message}`, { cause: error });
}
