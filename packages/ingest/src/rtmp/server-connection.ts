/** One connection of the server: the socket around a session. */

import type { Socket } from "node:net";
import { IngestError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { LivePublication, PublicationEnd, PublicationEndReason } from "../publication/publication.ts";
import { wallClock } from "../wall-clock.ts";
import { type Authorize, askAuthorize } from "./authorize.ts";
import type { StatusCode } from "./command/status.ts";
import type { StreamRequest } from "./command/stream-request.ts";
import { amfLimits, type RtmpLimits, type RtmpTimeouts } from "./limits.ts";
import { MAX_COMMAND_SIZE, type ServerEvent, ServerSession } from "./session/server-session.ts";
import { Viewer } from "./viewer.ts";

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly limits: Required<RtmpLimits>;
  readonly timeouts: Required<RtmpTimeouts>;
  readonly authorize: Authorize | undefined;
  readonly logger: Logger;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /**
   * Takes the stream key for a publisher.
   *
   * @throws {IngestError} `STREAM_IN_USE`.
   */
  publish(request: StreamRequest, connection: ServerConnection): LivePublication;
  /** Who publishes under that key, with its tracks known. */
  find(app: string, streamKey: string): LivePublication | undefined;
  /** It is no longer half-open. */
  opened(connection: ServerConnection): void;
  /** Its socket is closed. */
  closed(connection: ServerConnection): void;
}

/** IP address of the peer; IPv4 as IPv4, whatever the listening socket is. */
export function addressOf(socket: Socket): string {
  return (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}

/** Milliseconds that a last status has to reach a peer before the socket is destroyed. */
const LINGER = 1_000;

interface ActivePublication {
  readonly streamId: number;
  readonly publication: LivePublication;
  readonly acceptedAt: number;
}

/** See the module comment. */
export class ServerConnection {
  readonly address: string;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #session: ServerSession;
  readonly #startedAt: number;
  readonly #gone = new AbortController();
  readonly #publications = new Map<number, ActivePublication>();
  readonly #viewers = new Map<number, Viewer>();
  /** What came while a decision was awaited. */
  #backlog: ServerEvent[] | null = null;
  #lastReceived: number;
  #lastWritten: number;
  #bytesWritten = 0;
  #endingSince: number | undefined;
  #used = false;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.address = addressOf(socket);
    this.#startedAt = host.now();
    this.#lastReceived = this.#startedAt;
    this.#lastWritten = this.#startedAt;
    const { limits } = host;
    this.#session = new ServerSession({
      now: this.#startedAt,
      maxMessageSize: limits.messageSize,
      maxChunkStreams: limits.chunkStreams,
      amf: amfLimits(limits),
    });
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    socket.on("error", (error) => this.#lost(error));
    socket.on("end", () => this.#socket.end());
    socket.on("close", () => this.#closed());
  }

  /** Neither published nor played yet. */
  get halfOpen(): boolean {
    return !this.#used;
  }

  /** Looks for what takes too long. Called every now and then. */
  check(now: number): void {
    const { timeouts } = this.#host;
    if (this.#endingSince !== undefined) {
      if (now - this.#endingSince > LINGER) this.#socket.destroy();
      return;
    }
    if (this.#backlog !== null) return;
    if (this.halfOpen) {
      if (now - this.#startedAt > timeouts.handshake) {
        this.#fail(new IngestError("HANDSHAKE_TIMEOUT", `neither publish nor play within ${timeouts.handshake} ms`));
      }
      return;
    }
    for (const active of this.#publications.values()) this.#checkPublication(active, now);
    if (this.#endingSince === undefined) this.#checkIdle(now);
  }

  /** Ends the publication of that stream, telling the publisher why. */
  stopPublication(publication: LivePublication, code: StatusCode, description: string): void {
    for (const [streamId, active] of this.#publications) {
      if (active.publication !== publication) continue;
      this.#publications.delete(streamId);
      this.#session.reject(streamId, code, description);
      this.#flush();
    }
    if (this.#publications.size === 0 && this.#viewers.size === 0) this.end();
  }

  /** Says goodbye to everybody and closes the socket once that is written. */
  close(): void {
    for (const [streamId, { publication }] of this.#publications) {
      this.#session.reject(streamId, "NetStream.Failed", "the server is closing");
      publication.end({ reason: "closed" });
    }
    this.#publications.clear();
    this.#stopViewers();
    this.end();
  }

  /** Closes the socket once everything is written, or after a second. */
  end(): void {
    if (this.#endingSince !== undefined) return;
    this.#flush();
    this.#endingSince = this.#host.now();
    this.#gone.abort();
    this.#socket.end();
    // Whatever still comes is of no use, but must be read for the end to be seen.
    this.#socket.resume();
  }

  #receive(bytes: Buffer): void {
    if (this.#endingSince !== undefined) return;
    this.#lastReceived = this.#host.now();
    let events: ServerEvent[];
    try {
      events = this.#session.receive(bytes);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#handle(events);
    this.#flush();
  }

  #handle(events: readonly ServerEvent[]): void {
    if (this.#backlog !== null) {
      for (const event of events) this.#backlog.push(event);
      return;
    }
    for (let index = 0; index < events.length; index += 1) {
      if (this.#endingSince !== undefined) return;
      const event = events[index]!;
      switch (event.type) {
        case "media":
          this.#media(event.streamId, event);
          break;
        case "stop":
          this.#stop(event.streamId);
          break;
        default:
          this.#backlog = events.slice(index + 1);
          this.#socket.pause();
          void this.#decide(event);
          return;
      }
    }
  }

  #media(streamId: number, event: Extract<ServerEvent, { type: "media" }>): void {
    const active = this.#publications.get(streamId);
    if (active === undefined) return;
    try {
      active.publication.push(event.message, this.#lastReceived, wallClock());
    } catch (error) {
      this.#failPublication(active, error);
    }
  }

  #stop(streamId: number): void {
    const active = this.#publications.get(streamId);
    this.#publications.delete(streamId);
    active?.publication.end({ reason: "unpublished" });
    this.#viewers.get(streamId)?.stop();
    this.#viewers.delete(streamId);
  }

  async #decide(event: Extract<ServerEvent, { type: "publish" | "play" }>): Promise<void> {
    const { authorize, timeouts } = this.#host;
    const { type: action, request, streamId } = event;
    try {
      if (authorize !== undefined) {
        const question = { ...request, action, address: this.address };
        await askAuthorize(authorize, question, timeouts.authorize, this.#gone.signal);
      }
      if (this.#endingSince === undefined && !this.#socket.destroyed) this.#accept(event);
    } catch (error) {
      this.#refuse(streamId, action, error);
    }
    this.#resume();
  }

  #resume(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = null;
    this.#flush();
    this.#handle(backlog);
    this.#flush();
    if (this.#backlog === null && this.#endingSince === undefined) this.#socket.resume();
  }

  #accept(event: Extract<ServerEvent, { type: "publish" | "play" }>): void {
    const { request, streamId } = event;
    const name = `${request.app}/${request.streamKey}`;
    if (event.type === "publish") {
      const publication = this.#host.publish(request, this);
      this.#publications.set(streamId, { streamId, publication, acceptedAt: this.#host.now() });
      this.#session.acceptPublish(streamId, `publishing ${name}`);
    } else {
      const publication = this.#host.find(request.app, request.streamKey);
      if (publication === undefined) throw new IngestError("STREAM_NOT_FOUND", `nobody publishes ${name}`);
      this.#session.acceptPlay(streamId, name);
      this.#flush();
      this.#view(streamId, publication);
    }
    if (!this.#used) {
      this.#used = true;
      this.#host.opened(this);
    }
  }

  #view(streamId: number, publication: LivePublication): void {
    const viewer = new Viewer(this.#socket, streamId, publication);
    this.#viewers.set(streamId, viewer);
    void viewer.run().then((error) => {
      if (this.#viewers.get(streamId) !== viewer) return;
      this.#viewers.delete(streamId);
      if (this.#endingSince !== undefined || this.#socket.destroyed) return;
      if (error !== undefined) return this.#fail(error);
      this.#session.endPlay(streamId, "the publisher left");
      this.end();
    });
  }

  #refuse(streamId: number, action: "publish" | "play", error: unknown): void {
    const { code, message, cause } = error instanceof IngestError ? error : new IngestError("REJECTED", String(error));
    if (cause === undefined) this.#log("info", { code, action }, message);
    else this.#log("warn", { code, action, err: cause }, message);
    this.#session.reject(streamId, refusalStatus(action, code), message);
    this.end();
  }

  #checkPublication(active: ActivePublication, now: number): void {
    const { publication, acceptedAt } = active;
    try {
      publication.poll(now);
    } catch (error) {
      this.#failPublication(active, error);
      return;
    }
    const { firstMedia } = this.#host.timeouts;
    if (!publication.started && now - acceptedAt > firstMedia) {
      const message = `no keyframe, and no audio alone, within ${firstMedia} ms: set a keyframe interval of 2 s`;
      this.#failPublication(active, new IngestError("FIRST_MEDIA_TIMEOUT", message));
    }
  }

  #checkIdle(now: number): void {
    const { idle } = this.#host.timeouts;
    if (this.#viewers.size > 0) {
      // A viewer has nothing to say, but must take what waits for it.
      if (
        this.#socket.bytesWritten - this.#socket.writableLength !== this.#bytesWritten ||
        this.#socket.writableLength === 0
      ) {
        this.#bytesWritten = this.#socket.bytesWritten - this.#socket.writableLength;
        this.#lastWritten = now;
      }
      if (now - this.#lastWritten > idle)
        this.#fail(new IngestError("SLOW_PEER", `the viewer took nothing for ${idle} ms`));
    } else if (now - this.#lastReceived > idle) {
      this.#fail(new IngestError("IDLE_TIMEOUT", `the peer sent nothing for ${idle} ms`));
    }
  }

  #failPublication(active: ActivePublication, error: unknown): void {
    const failure = toIngestError(error);
    this.#publications.delete(active.streamId);
    active.publication.end({ reason: isTimeout(failure) ? "timeout" : "error", error: failure });
    this.#log("warn", { code: failure.code, err: failure }, "publication ended");
    this.#session.reject(active.streamId, "NetStream.Failed", `${failure.code}: ${failure.message}`);
    this.#flush();
    if (this.#publications.size === 0 && this.#viewers.size === 0) this.end();
  }

  /** The whole connection is of no more use. */
  #fail(error: unknown): void {
    const failure = toIngestError(error);
    const code = statusOf(failure);
    for (const streamId of [...this.#publications.keys(), ...this.#viewers.keys()]) {
      this.#session.reject(streamId, code, `${failure.code}: ${failure.message}`);
    }
    this.#endPublications(isTimeout(failure) ? "timeout" : "error", failure);
    this.#stopViewers();
    this.#log(this.halfOpen ? "debug" : "warn", { code: failure.code, err: failure }, "connection closed");
    this.end();
  }

  #lost(error: Error): void {
    this.#endPublications("disconnected", new IngestError("CONNECTION_LOST", error.message, { cause: error }));
  }

  #closed(): void {
    this.#gone.abort();
    this.#endPublications("disconnected");
    this.#stopViewers();
    this.#host.closed(this);
  }

  #endPublications(reason: PublicationEndReason, error?: IngestError): void {
    const end: PublicationEnd = error === undefined ? { reason } : { reason, error };
    for (const { publication } of this.#publications.values()) publication.end(end);
    this.#publications.clear();
  }

  #stopViewers(): void {
    for (const viewer of this.#viewers.values()) viewer.stop();
    this.#viewers.clear();
  }

  #flush(): void {
    const output = this.#session.takeOutput();
    if (output.length === 0 || this.#endingSince !== undefined || !this.#socket.writable) return;
    this.#socket.cork();
    for (const bytes of output) this.#socket.write(bytes);
    this.#socket.uncork();
    // Media waits for the peer before it is written; answers do not, and a peer that never reads could pile them up.
    if (this.#socket.writableLength > this.#maxWaitingBytes) {
      this.#log("warn", { code: "SLOW_PEER" }, "the peer does not read its answers");
      this.#socket.destroy();
    }
  }

  /** Answers, and for each viewer the packet that it waits with. */
  get #maxWaitingBytes(): number {
    const { writeBufferBytes, messageSize } = this.#host.limits;
    if (this.halfOpen) return Math.min(MAX_COMMAND_SIZE, writeBufferBytes);
    return writeBufferBytes + this.#viewers.size * messageSize;
  }

  #log(level: keyof Logger, fields: object, message: string): void {
    this.#host.logger[level]({ address: this.address, ...fields }, message);
  }
}

function toIngestError(error: unknown): IngestError {
  if (error instanceof IngestError) return error;
  return new IngestError("INVALID_MEDIA", error instanceof Error ? error.message : String(error), { cause: error });
}

function isTimeout(error: IngestError): boolean {
  return error.code === "IDLE_TIMEOUT" || error.code === "FIRST_MEDIA_TIMEOUT";
}

function statusOf(error: IngestError): StatusCode {
  return error.code === "SLOW_PEER" ? "NetStream.Play.InsufficientBW" : "NetStream.Failed";
}

function refusalStatus(action: "publish" | "play", code: string): StatusCode {
  if (action === "publish")
    return code === "UNAUTHORIZED" ? "NetStream.Publish.Unauthorized" : "NetStream.Publish.BadName";
  if (code === "UNAUTHORIZED") return "NetStream.Play.Unauthorized";
  return code === "STREAM_NOT_FOUND" ? "NetStream.Play.StreamNotFound" : "NetStream.Play.Failed";
}
