/** Open connections of a server: which rest, which are too slow, which have to go. */

import type { Socket } from "node:net";
import type { ServerLimits } from "./limits.ts";

/** Judges whether a client takes bytes fast enough. Pure but for what it remembers. */
export class SendRate {
  #since: number | undefined;
  #sent = 0;
  #lastPending = 0;

  /**
   * @param pending - bytes that wait now.
   * @param written - bytes ever handed over.
   * @param now - milliseconds.
   * @returns true when the client is too slow.
   */
  isTooSlow(pending: number, written: number, now: number, limits: ServerLimits): boolean {
    if (pending === 0) {
      this.#since = undefined;
      return false;
    }
    if (this.#since === undefined) {
      this.#since = now;
      this.#sent = written - pending;
      this.#lastPending = pending;
      return false;
    }
    const taken = written - pending - this.#sent;
    const allowed = limits.sendGrace + ((taken + Math.max(pending, this.#lastPending)) / limits.minSendRate) * 1000;
    return now - this.#since > allowed;
  }
}

/** One connection and what it is doing. */
export class TrackedConnection {
  readonly socket: Socket;
  /** Requests being answered. */
  inFlight = 0;
  /** Answers a request on it that the server is closing: told to leave after its answer. */
  closing = false;
  /** Says goodbye by the rules of its protocol. Set by the protocol's adapter. */
  leave: () => void;
  /** Answers 408 and closes. Set by the protocol's adapter. */
  timeout: () => void;
  /** Streams of an HTTP/2 connection that are too slow, cut off by its adapter. */
  sweepStreams: ((now: number) => void) | undefined;
  /** Bytes read when it last came to rest. */
  #readAtRest = 0;
  /** When it was first seen at rest; a request costs no look at the clock. */
  #restSince: number | undefined;
  #headersSince: number | undefined;
  #served = false;
  readonly #rate = new SendRate();

  constructor(socket: Socket, now: number) {
    this.socket = socket;
    this.#restSince = now;
    this.leave = () => socket.end();
    this.timeout = () => socket.destroy();
  }

  begin(): void {
    this.inFlight += 1;
    this.#headersSince = undefined;
    this.#served = true;
  }

  end(): void {
    this.inFlight -= 1;
    if (this.inFlight > 0) return;
    this.#readAtRest = this.socket.bytesRead;
    this.#restSince = undefined;
    if (this.closing) this.leave();
  }

  /** Ends it when it is over one of its limits. */
  sweep(now: number, limits: ServerLimits): void {
    if (this.#rate.isTooSlow(this.socket.writableLength, this.socket.bytesWritten, now, limits)) {
      this.socket.destroy();
      return;
    }
    if (this.inFlight > 0) {
      this.sweepStreams?.(now);
      return;
    }
    this.#restSince ??= now;
    if (this.socket.bytesRead === this.#readAtRest) {
      const allowed = this.#served ? limits.idleTimeout : limits.headersTimeout;
      if (now - this.#restSince > allowed) this.leave();
      if (now - this.#restSince > allowed + limits.sendGrace) this.socket.destroy();
      return;
    }
    this.#headersSince ??= this.#served ? now : this.#restSince;
    if (now - this.#headersSince > limits.headersTimeout) this.timeout();
  }
}

/** All connections of a server. */
export class Connections {
  readonly #limits: ServerLimits;
  readonly #clock: () => number;
  readonly #all = new Map<Socket, TrackedConnection>();
  readonly #sweeper: NodeJS.Timeout;
  #onEmpty: (() => void) | undefined;

  /** @param clock - milliseconds, steady: the system's time may jump, and would end every connection with it. */
  constructor(limits: ServerLimits, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
    const { headersTimeout, idleTimeout, sendGrace, bodyTimeout } = limits;
    const interval = Math.max(10, Math.min(1000, headersTimeout / 4, idleTimeout / 4, sendGrace / 4, bodyTimeout / 4));
    this.#sweeper = setInterval(() => this.#sweep(), interval).unref();
  }

  get size(): number {
    return this.#all.size;
  }

  /** Takes a new connection, or refuses it (undefined) where there are too many. */
  add(socket: Socket): TrackedConnection | undefined {
    if (this.#all.size >= this.#limits.maxConnections) {
      socket.destroy();
      return undefined;
    }
    const connection = new TrackedConnection(socket, this.#clock());
    this.#all.set(socket, connection);
    socket.once("close", () => {
      this.#all.delete(socket);
      if (this.#all.size === 0) this.#onEmpty?.();
    });
    return connection;
  }

  get(socket: Socket): TrackedConnection | undefined {
    return this.#all.get(socket);
  }

  /** Lets every connection go: resting ones now, busy ones after their answer, all of them by `deadline` milliseconds. */
  async drain(deadline: number): Promise<void> {
    for (const connection of this.#all.values()) {
      connection.closing = true;
      if (connection.inFlight === 0) connection.leave();
    }
    if (this.#all.size > 0) {
      const timer = setTimeout(() => {
        for (const { socket } of this.#all.values()) socket.destroy();
      }, deadline);
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
      clearTimeout(timer);
    }
    clearInterval(this.#sweeper);
  }

  #sweep(): void {
    const now = this.#clock();
    for (const connection of this.#all.values()) connection.sweep(now, this.#limits);
  }
}
