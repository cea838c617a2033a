/** The RTMP server: sockets around sessions, and the list of who publishes. */

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, TLSSocket, type TlsOptions } from "node:tls";
import { IngestError } from "../errors.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { LivePublication, type Publication } from "../publication/publication.ts";
import type { Authorize } from "./authorize.ts";
import type { StreamRequest } from "./command/stream-request.ts";
import { amfLimits, type RtmpLimits, type RtmpTimeouts, resolveLimits, resolveTimeouts } from "./limits.ts";
import { addressOf, type ConnectionHost, ServerConnection } from "./server-connection.ts";
import { ServerMetrics } from "./server-metrics.ts";

/** The port of `rtmp://`. */
export const DEFAULT_RTMP_PORT = 1935;

/** What to do when someone publishes under a key that is live. */
export type SecondPublisherPolicy = "refuse" | "take-over";

/** Options of {@link createRtmpServer}. */
export interface RtmpServerOptions {
  /** TCP port, 0 for a free one. Default 1935. */
  readonly port?: number;
  /** Address to listen on. Default: all. */
  readonly host?: string;
  /** Speaks RTMPS with these options of `node:tls`. Default: plain RTMP. */
  readonly tls?: TlsOptions;
  /** Decides who publishes and plays. Default: everybody. */
  readonly authorize?: Authorize;
  /** Default `refuse`. */
  readonly onSecondPublisher?: SecondPublisherPolicy;
  readonly limits?: RtmpLimits;
  readonly timeouts?: RtmpTimeouts;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** Counts of a server now. */
export interface RtmpServerStats {
  readonly connections: number;
  /** Connections that have neither published nor played yet. */
  readonly halfOpen: number;
  readonly publications: number;
  /** Connections refused for a limit since the start. */
  readonly refused: number;
}

/** A listening RTMP server. */
export interface RtmpServer extends AsyncDisposable {
  /** `rtmp://host:port`, or `rtmps://…`: put `/app/key` behind it. */
  readonly url: string;
  readonly port: number;
  readonly stats: RtmpServerStats;
  /**
   * Everything that is published: what is live now, then what comes. Ends when the server closes. Several can iterate; each gets all.
   */
  publications(options?: { readonly signal?: AbortSignal }): AsyncIterable<Publication>;
  /** What is live under that key, once its tracks are known. */
  get(app: string, streamKey: string): Publication | undefined;
  /** Ends all publications and connections, and waits until nothing is left of them. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts an RTMP server.
 *
 * @throws {IngestError} `PORT_TAKEN` when the port is taken.
 */
export async function createRtmpServer(options: RtmpServerOptions = {}): Promise<RtmpServer> {
  const server = new TcpRtmpServer(options);
  await server.listen(options.port ?? DEFAULT_RTMP_PORT, options.host);
  return server;
}

/** How often connections are checked for timeouts at most, milliseconds. */
const MAX_CHECK_INTERVAL = 500;

class TcpRtmpServer implements RtmpServer, ConnectionHost {
  readonly limits: Required<RtmpLimits>;
  readonly timeouts: Required<RtmpTimeouts>;
  readonly authorize: Authorize | undefined;
  readonly logger: Logger;
  readonly #policy: SecondPublisherPolicy;
  readonly #tls: TlsOptions | undefined;
  readonly #server: Server;
  readonly #connections = new Set<ServerConnection>();
  readonly #halfOpen = new Map<string, number>();
  readonly #live = new Map<string, { publication: LivePublication; connection: ServerConnection }>();
  readonly #listeners = new Set<PublicationQueue>();
  readonly #metrics = new ServerMetrics();
  readonly #sessionPrefix = Date.now().toString(36);
  #timer: NodeJS.Timeout | undefined;
  #refused = 0;
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #emptied: (() => void) | undefined;

  constructor(options: RtmpServerOptions) {
    this.limits = resolveLimits(options.limits);
    this.timeouts = resolveTimeouts(options.timeouts);
    this.authorize = options.authorize;
    this.logger = options.logger ?? silentLogger;
    this.#policy = options.onSecondPublisher ?? "refuse";
    this.#tls =
      options.tls === undefined ? undefined : { secureContext: createSecureContext(options.tls), ...options.tls };
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#connected(socket));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  get url(): string {
    const address = this.#server.address();
    const host = typeof address === "object" && address !== null ? address.address : "";
    const any = host === "" || host === "::" || host === "0.0.0.0";
    const name = any ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
    return `${this.#tls ? "rtmps" : "rtmp"}://${name}:${this.port}`;
  }

  get stats(): RtmpServerStats {
    let halfOpen = 0;
    for (const connection of this.#connections) if (connection.halfOpen) halfOpen += 1;
    return { connections: this.#connections.size, halfOpen, publications: this.#live.size, refused: this.#refused };
  }

  async listen(port: number, host: string | undefined): Promise<void> {
    this.#server.listen({ port, ...(host === undefined ? {} : { host }) });
    try {
      await once(this.#server, "listening");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
        const message = `port ${port} on ${host ?? "any address"} is taken: choose another, or end the program that listens there`;
        throw new IngestError("PORT_TAKEN", message, { cause: error });
      }
      throw new IngestError("CONNECTION_FAILED", `cannot listen on port ${port}: ${String(error)}`, { cause: error });
    }
    this.#server.on("error", (error) => this.logger.error({ err: error }, "RTMP server"));
    const shortest = Math.min(this.timeouts.handshake, this.timeouts.firstMedia, this.timeouts.idle);
    this.#timer = setInterval(() => this.#check(), Math.min(MAX_CHECK_INTERVAL, Math.max(10, shortest / 4)));
  }

  now(): number {
    return performance.now();
  }

  async *publications(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<Publication, void, undefined> {
    const queue = new PublicationQueue(options.signal);
    if (this.#closing !== undefined) return;
    for (const { publication } of this.#live.values()) if (publication.started) queue.push(publication);
    this.#listeners.add(queue);
    try {
      for (let next = await queue.next(); next !== undefined; next = await queue.next()) yield next;
    } finally {
      this.#listeners.delete(queue);
      queue.end();
    }
  }

  get(app: string, streamKey: string): Publication | undefined {
    return this.find(app, streamKey);
  }

  find(app: string, streamKey: string): LivePublication | undefined {
    const live = this.#live.get(`${app}/${streamKey}`);
    return live?.publication.started ? live.publication : undefined;
  }

  publish(request: StreamRequest, connection: ServerConnection): LivePublication {
    const { app, streamKey, query } = request;
    const name = `${app}/${streamKey}`;
    const before = this.#live.get(name);
    if (before !== undefined && this.#policy === "refuse") {
      throw new IngestError("STREAM_IN_USE", `${name} is being published already`);
    }
    const publication = new LivePublication({
      id: `${this.#sessionPrefix}-${this.#nextId++}`,
      app,
      streamKey,
      query,
      address: connection.address,
      maxBytes: this.limits.publicationBytes,
      amf: amfLimits(this.limits),
      logger: this.logger,
      onStart: () => this.#started(publication),
      onClose: () => connection.stopPublication(publication, "NetStream.Failed", "closed by the server"),
    });
    // Taken before the old one ends, so that its end does not free the key.
    this.#live.set(name, { publication, connection });
    if (before !== undefined) {
      before.publication.end({ reason: "replaced" });
      before.connection.stopPublication(before.publication, "NetStream.Publish.BadName", "another publisher took over");
    }
    void publication.closed.then(({ reason }) => {
      if (this.#live.get(name)?.publication === publication) this.#live.delete(name);
      this.#metrics.ended(publication);
      this.logger.info({ app, streamKey, reason, ...publication.stats }, "publication ended");
    });
    return publication;
  }

  opened(connection: ServerConnection): void {
    this.#leaveHalfOpen(connection);
  }

  closed(connection: ServerConnection): void {
    this.#connections.delete(connection);
    if (connection.halfOpen) this.#leaveHalfOpen(connection);
    if (this.#connections.size === 0) this.#emptied?.();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.close();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
    }
    await stopped;
    clearInterval(this.#timer);
    for (const queue of this.#listeners) queue.end();
  }

  #connected(socket: Socket): void {
    const address = addressOf(socket);
    const halfOpen = this.#halfOpen.get(address) ?? 0;
    const full = this.#connections.size >= this.limits.connections;
    if (full || halfOpen >= this.limits.halfOpenPerAddress || this.#closing !== undefined) {
      this.#refused += 1;
      this.logger.debug({ code: "TOO_MANY_CONNECTIONS", address }, "connection refused");
      socket.on("error", () => socket.destroy());
      socket.destroy();
      return;
    }
    this.#halfOpen.set(address, halfOpen + 1);
    // TLS begins within the connection, so that its limits and timeouts hold for handshakes that never end, too.
    const stream = this.#tls === undefined ? socket : new TLSSocket(socket, { ...this.#tls, isServer: true });
    this.#connections.add(new ServerConnection(stream, this));
  }

  #leaveHalfOpen({ address }: ServerConnection): void {
    const count = (this.#halfOpen.get(address) ?? 1) - 1;
    if (count > 0) this.#halfOpen.set(address, count);
    else this.#halfOpen.delete(address);
  }

  #started(publication: LivePublication): void {
    const { app, streamKey, address, tracks } = publication;
    this.logger.info({ app, streamKey, address, codecs: tracks.map((track) => track.codec) }, "publication started");
    this.#metrics.started(publication);
    for (const queue of this.#listeners) queue.push(publication);
  }

  #check(): void {
    const now = this.now();
    for (const connection of this.#connections) connection.check(now);
    for (const { publication } of this.#live.values()) this.#metrics.observe(publication);
  }
}

/** Publications that one iterator has not seen yet. As many as are live, at most: those that end are taken out. */
class PublicationQueue {
  readonly #waiting = new Set<LivePublication>();
  readonly #signal: AbortSignal | undefined;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  push(publication: LivePublication): void {
    this.#waiting.add(publication);
    void publication.closed.then(() => this.#waiting.delete(publication));
    this.#wake?.();
  }

  async next(): Promise<Publication | undefined> {
    while (!this.#ended && this.#signal?.aborted !== true) {
      const [publication] = this.#waiting;
      if (publication !== undefined) {
        this.#waiting.delete(publication);
        return publication;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return undefined;
  }

  end(): void {
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#wake?.();
  }

  readonly #abort = (): void => this.#wake?.();
}
