/** One reader of a broadcast: its own position in the shared ring, and the promises that wait for more. */

import type { MediaError } from "../errors.ts";
import type { Packet } from "../track.ts";
import type { Gate } from "./gate.ts";
import type { PacketRing } from "./ring.ts";

/** What a reader needs of its broadcast. */
export interface ReaderHost {
  readonly ring: PacketRing;
  /** How it ended, or undefined while it goes on. */
  readonly ending: { readonly error?: unknown; readonly failed: boolean } | undefined;
  /** The reader has nothing to read and is to be woken by the next packet. */
  wait(reader: Reader): void;
  /** The reader is gone. */
  remove(reader: Reader): void;
}

interface Waiter {
  resolve(result: IteratorResult<Packet, undefined>): void;
  reject(error: unknown): void;
}

const finished: IteratorReturnResult<undefined> = { done: true, value: undefined };

export class Reader implements AsyncIterableIterator<Packet, undefined> {
  readonly #host: ReaderHost;
  readonly #ring: PacketRing;
  readonly #signal: AbortSignal | undefined;
  readonly #waiters: Waiter[] = [];
  #gate: Gate | undefined;
  #done = false;
  #failure: { readonly error: unknown } | undefined;
  /** Sequence number of the next packet, or -1 while the reader waits for a keyframe to start at. */
  position = -1;
  /** Drops in a row, without having caught up in between. */
  drops = 0;

  constructor(host: ReaderHost, signal: AbortSignal | undefined) {
    this.#host = host;
    this.#ring = host.ring;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  get waiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** Starts reading at a held packet. */
  join(position: number, gate: Gate): void {
    this.position = position;
    this.#gate = gate;
    this.#ring.enter(position);
  }

  /** Stops reading, until {@link join}. The slot it stood at may be gone already. */
  lose(): void {
    if (this.position >= this.#ring.head) this.#ring.leave(this.position);
    this.position = -1;
  }

  next(): Promise<IteratorResult<Packet, undefined>> {
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#done) return Promise.resolve(finished);
    if (!this.waiting) {
      const packet = this.#take();
      if (packet !== undefined) return Promise.resolve({ done: false, value: packet });
      const { ending } = this.#host;
      if (ending !== undefined) {
        this.#close();
        return ending.failed ? Promise.reject(ending.error) : Promise.resolve(finished);
      }
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (this.#waiters.length === 1) this.#host.wait(this);
    });
  }

  return(): Promise<IteratorResult<Packet, undefined>> {
    this.#close();
    return Promise.resolve(finished);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
  }

  /** Gives waiting calls what there is, and waits again for the rest. */
  wake(): void {
    while (this.waiting) {
      const packet = this.#take();
      if (packet === undefined) break;
      this.#waiters.shift()!.resolve({ done: false, value: packet });
    }
    if (!this.waiting) return;
    const { ending } = this.#host;
    if (ending === undefined) {
      this.#host.wait(this);
      return;
    }
    if (ending.failed) this.#waiters.shift()!.reject(ending.error);
    this.#close();
  }

  /** Ends the reader with an error at its next call, whatever it has not read. */
  disconnect(error: MediaError): void {
    this.#failure = { error };
    this.#close();
  }

  #take(): Packet | undefined {
    const ring = this.#ring;
    if (this.position < 0) return undefined;
    while (this.position < ring.end) {
      const sequence = this.position;
      const packet = ring.at(sequence);
      ring.leave(sequence);
      this.position += 1;
      ring.enter(this.position);
      if (this.position === ring.end) this.drops = 0;
      if (this.#gate === undefined) return packet;
      const passes = this.#gate.passes(packet, sequence);
      if (this.#gate.done) this.#gate = undefined;
      if (passes) return packet;
    }
    return undefined;
  }

  readonly #abort = (): void => this.#close();

  #close(): void {
    if (this.#done) return;
    this.#done = true;
    this.lose();
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#host.remove(this);
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(finished);
  }
}
