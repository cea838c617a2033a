/** Open connections of a server: which rest, which are too slow, which have to go. */

import type { Socket } from "node:net";
import type { ServerLimits } from "./limits.ts";

/**
 * Who may connect: asked once for each connection, before its first byte, and told of its end. A connection cap per address is one.
 */
export interface ConnectionGate {
  /** Whether a connection from this address may be. Where it may, {@link close} is called when it ends, once. */
  open(address: string): boolean;
  close(address: string): void;
}

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

/** One connection and what it is doing. Small, and without closures of its own: there may be a hundred thousand. */
export class TrackedConnection {
  readonly socket: Socket;
  /** Requests being answered. */
  inFlight = 0;
  /** Answers a request on it that the server is closing: told to leave after its answer. */
  closing = false;
  /** A request on it was refused, and its end is being said. */
  isRefused = false;
  /** Its reader keeps no beginning of a request: while it rests, nothing of one is there. */
  isWhole = false;
  /** Bytes that the system was made to send past the socket, and that are still to be sent so. */
  sentBeside = 0;
  waitingBeside = 0;
  /** Says goodbye by the rules of its protocol. Set by the protocol's adapter where its socket's end is not enough. */
  onLeave: (() => void) | undefined;
  /** Answers 408 and closes. Set by the protocol's adapter. */
  onTimeout: (() => void) | undefined;
  /** Streams of an HTTP/2 connection that are too slow, cut off by its adapter. */
  sweepStreams: ((now: number) => void) | undefined;
  /** Bytes read when it last came to rest; -1: whatever is read by the next sweep. */
  #readAtRest = 0;
  /** When it was first seen at rest; a request costs no look at the clock. */
  #restSince: number | undefined;
  #headersSince: number | undefined;
  #served = false;
  #rate: SendRate | undefined;

  constructor(socket: Socket, now: number) {
    this.socket = socket;
    this.#restSince = now;
  }

  leave(): void {
    if (this.onLeave === undefined) this.socket.end();
    else this.onLeave();
  }

  timeout(): void {
    if (this.onTimeout === undefined) this.socket.destroy();
    else this.onTimeout();
  }

  begin(): void {
    this.inFlight += 1;
    this.#headersSince = undefined;
    this.#served = true;
  }

  end(): void {
    this.inFlight -= 1;
    if (this.inFlight > 0) return;
    this.#readAtRest = this.isWhole ? -1 : this.socket.bytesRead;
    this.#restSince = undefined;
    if (this.closing) this.leave();
  }

  /** Its reader found the beginning of a request that another one will read. */
  noteUnread(bytes: number): void {
    this.#readAtRest = this.socket.bytesRead - bytes;
  }

  /** Ends it when it is over one of its limits. */
  sweep(now: number, limits: ServerLimits): void {
    const pending = this.socket.writableLength + this.waitingBeside;
    if (pending === 0) this.#rate = undefined;
    else {
      this.#rate ??= new SendRate();
      if (this.#rate.isTooSlow(pending, this.socket.bytesWritten + this.sentBeside + this.waitingBeside, now, limits)) {
        this.socket.destroy();
        return;
      }
    }
    if (this.inFlight > 0) {
      this.sweepStreams?.(now);
      return;
    }
    this.#restSince ??= now;
    if (this.#readAtRest === -1) this.#readAtRest = this.socket.bytesRead;
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

/** So many are looked at in one go, below a millisecond; the others after a pause. */
const SWEPT_AT_ONCE = 2000;

/** All connections of a server. */
export class Connections {
  /** Taken so far. */
  accepted = 0;
  /** Closed at once: too many, or not let in by the gate. */
  refused = 0;
  readonly #limits: ServerLimits;
  readonly #clock: () => number;
  readonly #gate: ConnectionGate | undefined;
  readonly #all = new Map<Socket, TrackedConnection>();
  #timer: NodeJS.Timeout;
  #onEmpty: (() => void) | undefined;

  /** @param clock - milliseconds, steady: the system's time may jump, and would end every connection with it. */
  constructor(limits: ServerLimits, clock: () => number, gate?: ConnectionGate) {
    this.#limits = limits;
    this.#clock = clock;
    this.#gate = gate;
    this.#timer = setTimeout(() => this.#sweep(this.#all.values()), this.#interval).unref();
  }

  get size(): number {
    return this.#all.size;
  }

  /** Takes a new connection, or refuses it (undefined) where there are too many. */
  add(socket: Socket): TrackedConnection | undefined {
    if (this.#all.size >= this.#limits.maxConnections) return this.#refuse(socket);
    const connection = new TrackedConnection(socket, this.#clock());
    this.#all.set(socket, connection);
    this.accepted += 1;
    socket.once("close", this.#onClose);
    return connection;
  }

  /** Asks the gate about a new socket. False where it was closed at once. */
  admit(socket: Socket): boolean {
    const gate = this.#gate;
    const address = socket.remoteAddress;
    // A socket in the file system has no address; one that is closed already has none any more.
    if (gate === undefined || address === undefined) return !socket.destroyed;
    if (!gate.open(address)) {
      this.#refuse(socket);
      return false;
    }
    socket.once("close", () => gate.close(address));
    return true;
  }

  get(socket: Socket): TrackedConnection | undefined {
    return this.#all.get(socket);
  }

  /**
   * Lets every connection go: resting ones now, busy ones after their answer, all of them by `deadline` milliseconds.
   *
   * @returns how many were cut off.
   */
  async drain(deadline: number): Promise<number> {
    let cut = 0;
    for (const connection of this.#all.values()) {
      connection.closing = true;
      if (connection.inFlight === 0) connection.leave();
    }
    if (this.#all.size > 0) {
      const timer = setTimeout(() => {
        cut = this.#all.size;
        for (const { socket } of this.#all.values()) socket.destroy();
      }, deadline);
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
      clearTimeout(timer);
    }
    clearTimeout(this.#timer);
    return cut;
  }

  #refuse(socket: Socket): undefined {
    this.refused += 1;
    socket.destroy();
  }

  /** For all sockets: `this` is the one that closed. */
  readonly #onClose = ((connections: Connections) =>
    function (this: Socket): void {
      connections.#all.delete(this);
      if (connections.#all.size === 0) connections.#onEmpty?.();
    })(this);

  /** Milliseconds from one sweep to the next. */
  get #interval(): number {
    const { headersTimeout, idleTimeout, sendGrace, bodyTimeout } = this.#limits;
    return Math.max(10, Math.min(1000, headersTimeout / 4, idleTimeout / 4, sendGrace / 4, bodyTimeout / 4));
  }

  /** Looks at some of them, and comes back for the others: never so long that requests wait for it. */
  #sweep(rest: Iterator<TrackedConnection>): void {
    const now = this.#clock();
    for (let swept = 0; swept < SWEPT_AT_ONCE; swept += 1) {
      const next = rest.next();
      if (next.done) {
        this.#timer = setTimeout(() => this.#sweep(this.#all.values()), this.#interval).unref();
        return;
      }
      next.value.sweep(now, this.#limits);
    }
    const pauses = Math.ceil(this.#all.size / SWEPT_AT_ONCE) + 1;
    this.#timer = setTimeout(() => this.#sweep(rest), this.#interval / pauses).unref();
  }
}
