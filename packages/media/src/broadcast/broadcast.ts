/** One writer, many readers: each starts at a keyframe, reads at its own pace and falls behind alone. */

import { MediaError } from "../errors.ts";
import { ticksToSeconds } from "../time.ts";
import type { Packet, PacketSource, ReadOptions, Track } from "../track.ts";
import { Gate, reaches } from "./gate.ts";
import { Reader, type ReaderHost } from "./reader.ts";
import { PACKET_OVERHEAD, PacketRing, packetCost } from "./ring.ts";

/** Default of {@link PacketBroadcastOptions.maxBytes}: 16 MiB, some 50 s of 2.5 Mb/s. */
export const DEFAULT_BROADCAST_BYTES = 16 * 1024 * 1024;
/** Default of {@link PacketBroadcastOptions.maxLag}, in seconds. */
export const DEFAULT_BROADCAST_LAG = 20;
/** Default of {@link PacketBroadcastOptions.maxDrops}. */
export const DEFAULT_BROADCAST_DROPS = 3;

/** A reader fell behind, and lost packets for it. */
export interface PacketDrop {
  /** How many packets it lost. */
  readonly packets: number;
  /** Which drop in a row this is, from 1. Catching up with the writer starts the count anew. */
  readonly drops: number;
  /** It was one too many: the reader was disconnected, and its next read throws `READER_TOO_SLOW`. */
  readonly disconnected: boolean;
}

/** Options of {@link createPacketBroadcast}. */
export interface PacketBroadcastOptions {
  /** The tracks to begin with; may be set later by `setTracks`. Default none. */
  readonly tracks?: readonly Track[];
  /**
   * Most bytes held for all readers together; each packet counts its data and {@link PACKET_OVERHEAD}. What does not fit any
   * more is forgotten, and readers that stood there are dropped to the newest keyframe. Default {@link DEFAULT_BROADCAST_BYTES}.
   */
  readonly maxBytes?: number;
  /**
   * Seconds of media a reader may be behind the newest packet. One that is further behind is dropped to the newest keyframe, if that is ahead
   * of it. Default {@link DEFAULT_BROADCAST_LAG}; `Infinity` for no such bound.
   */
  readonly maxLag?: number;
  /** Drops in a row that a reader survives; the next one disconnects it. Default {@link DEFAULT_BROADCAST_DROPS}. */
  readonly maxDrops?: number;
  /** Called for each drop of any reader, within `write`. Must not throw. */
  readonly onDrop?: (drop: PacketDrop) => void;
}

/** Options of a broadcast's `packets`. */
export interface BroadcastReadOptions extends ReadOptions {
  /** Called for each drop of this reader, within `write`, while its consumer may still be stuck. Must not throw. */
  readonly onDrop?: (drop: PacketDrop) => void;
}

/** Counters of a broadcast since it was created, except where they say otherwise. */
export interface PacketBroadcastStats {
  /** Packets written. */
  readonly packets: number;
  /** Bytes of data written. */
  readonly bytes: number;
  /** Packets held now. */
  readonly heldPackets: number;
  /** Bytes held now, with {@link PACKET_OVERHEAD} for each packet. Never above `maxBytes`. */
  readonly heldBytes: number;
  /** Readers connected now. */
  readonly readers: number;
  /** Times a reader was dropped to a keyframe. */
  readonly drops: number;
  /** Readers disconnected for being too slow. */
  readonly disconnects: number;
}

/** A {@link PacketSource} with a writing end. */
export interface PacketBroadcast extends PacketSource {
  readonly stats: PacketBroadcastStats;
  /** `end` or `fail` was called. */
  readonly ended: boolean;
  /**
   * Gives a packet to every reader. Never waits; the data is shared, not copied.
   *
   * @throws {MediaError} `UNKNOWN_TRACK` when its track object is not among `tracks`; `LIMIT_EXCEEDED` when it alone is
   * larger than `maxBytes`; `SOURCE_ENDED` after the end. The broadcast stays as it was.
   */
  write(packet: Packet): void;
  /**
   * Replaces the tracks: those that stay keep their object, changed ones are new objects with the same id. Readers go on and see the new
   * object in its packets. New readers see nothing of tracks that are gone: where the first video track is another, they start at its next keyframe.
   *
   * @throws {MediaError} `INVALID_ARGUMENT` when two have the same id; `SOURCE_ENDED` after the end.
   */
  setTracks(tracks: readonly Track[]): void;
  /** No more packets: readers get what is still held for them, then end. Idempotent, and nothing after `fail`. */
  end(): void;
  /** As `end`, but readers throw `error` after what is held for them. Idempotent, and nothing after `end`. */
  fail(error: unknown): void;
  /**
   * A reader for each iteration. It starts at the newest keyframe held of the first video track, with the other tracks from the same time;
   * without video at the newest packet. Where no keyframe is held, it waits for the next. After the end it gets what is held, then ends.
   *
   * The iteration throws {@link MediaError} `READER_TOO_SLOW` when the reader was disconnected, and whatever `fail` was called with.
   */
  packets(options?: BroadcastReadOptions): AsyncIterable<Packet>;
}

/**
 * Makes a source of packets that one writer feeds and many read.
 *
 * Memory: at most `maxBytes`, shared by all readers. With none, or when all keep up, it holds what came since the newest keyframe; with no
 * keyframe in reach, nothing. There are no timers: a slow reader is found by what is written.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` for bounds that are no positive numbers, and for tracks with the same id.
 */
export function createPacketBroadcast(options: PacketBroadcastOptions = {}): PacketBroadcast {
  return new Broadcast(options);
}

class Broadcast implements PacketBroadcast, ReaderHost {
  readonly ring = new PacketRing();
  readonly #maxBytes: number;
  readonly #maxLag: number;
  readonly #maxDrops: number;
  readonly #onDrop: ((drop: PacketDrop) => void) | undefined;
  /** All readers, with the callback for their drops. */
  readonly #readers = new Map<Reader, ((drop: PacketDrop) => void) | undefined>();
  /** Readers without a position, until the next keyframe. */
  readonly #joining = new Set<Reader>();
  /** Readers to wake at the next packet; two lists that take turns. */
  #waiting: Reader[] = [];
  #woken: Reader[] = [];
  #tracks: readonly Track[] = [];
  /** Sequence number of the first packet after the tracks were set. */
  #since = 0;
  /** The track whose keyframes readers start at. */
  #main: Track | undefined;
  /** Where new readers start: the newest keyframe held, and the first packet of other tracks that reaches its time. */
  #start: { readonly keyframe: number; readonly first: number } | undefined;
  #ending: { readonly error?: unknown; readonly failed: boolean } | undefined;
  #packets = 0;
  #bytes = 0;
  #drops = 0;
  #disconnects = 0;
  #events: (() => void)[] = [];

  constructor(options: PacketBroadcastOptions) {
    this.#maxBytes = positive("maxBytes", options.maxBytes ?? DEFAULT_BROADCAST_BYTES);
    this.#maxLag = positive("maxLag", options.maxLag ?? DEFAULT_BROADCAST_LAG);
    this.#maxDrops = options.maxDrops ?? DEFAULT_BROADCAST_DROPS;
    if (!(this.#maxDrops >= 0)) throw new MediaError("INVALID_ARGUMENT", "maxDrops must be 0 or more");
    this.#onDrop = options.onDrop;
    if (options.tracks !== undefined) this.setTracks(options.tracks);
  }

  get tracks(): readonly Track[] {
    return this.#tracks;
  }

  get ended(): boolean {
    return this.#ending !== undefined;
  }

  get ending(): { readonly error?: unknown; readonly failed: boolean } | undefined {
    return this.#ending;
  }

  get stats(): PacketBroadcastStats {
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      heldPackets: this.ring.end - this.ring.head,
      heldBytes: this.ring.bytes,
      readers: this.#readers.size,
      drops: this.#drops,
      disconnects: this.#disconnects,
    };
  }

  setTracks(tracks: readonly Track[]): void {
    this.#checkOpen();
    if (new Set(tracks.map((track) => track.id)).size !== tracks.length) {
      throw new MediaError("INVALID_ARGUMENT", "two tracks of a broadcast have the same id");
    }
    this.#tracks = [...tracks];
    this.#since = this.ring.end;
    const main = tracks.find((track) => track.kind === "video") ?? tracks[0];
    if (main !== this.#main) this.#start = undefined;
    this.#main = main;
  }

  write(packet: Packet): void {
    this.#checkOpen();
    if (!this.#tracks.includes(packet.track)) {
      throw new MediaError(
        "UNKNOWN_TRACK",
        `track ${packet.track.id} of the packet was not announced: call setTracks first`,
      );
    }
    const { ring } = this;
    const cost = packetCost(packet);
    if (cost > this.#maxBytes) {
      throw new MediaError(
        "LIMIT_EXCEEDED",
        `a packet of ${packet.data.byteLength} bytes does not fit maxBytes ${this.#maxBytes}`,
      );
    }
    let lost = false;
    while (ring.bytes + cost > this.#maxBytes) lost = this.#forgetOldest() || lost;
    if (lost) this.#dropLost();
    const sequence = ring.push(packet);
    this.#packets += 1;
    this.#bytes += packet.data.byteLength;
    if (packet.keyframe && packet.track === this.#main) this.#startAt(sequence, packet);
    this.#wake();
    this.#trim(packet);
    if (this.#events.length > 0) for (const report of this.#events.splice(0)) report();
  }

  end(): void {
    this.#finish({ failed: false });
  }

  fail(error: unknown): void {
    this.#finish({ failed: true, error });
  }

  packets(options: BroadcastReadOptions = {}): AsyncIterable<Packet> {
    return { [Symbol.asyncIterator]: () => this.#connect(options) };
  }

  wait(reader: Reader): void {
    // A reader without a position is woken when a keyframe gives it one.
    if (reader.position >= 0) this.#waiting.push(reader);
  }

  remove(reader: Reader): void {
    this.#readers.delete(reader);
    this.#joining.delete(reader);
    const waiting = this.#waiting.indexOf(reader);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
  }

  #connect(options: BroadcastReadOptions): Reader {
    const reader = new Reader(this, options.signal);
    this.#readers.set(reader, options.onDrop);
    if (options.signal?.aborted) void reader.return();
    else this.#admit(reader);
    return reader;
  }

  #admit(reader: Reader): void {
    if (this.#start === undefined) this.#joining.add(reader);
    else {
      const { first, keyframe } = this.#start;
      reader.join(first, new Gate(this.ring.at(keyframe), keyframe, this.#tracks, this.#since));
    }
  }

  #startAt(sequence: number, keyframe: Packet): void {
    this.#start = { keyframe: sequence, first: this.#firstReaching(sequence, keyframe) };
    if (this.#joining.size === 0) return;
    for (const reader of this.#joining) {
      this.#admit(reader);
      if (reader.waiting) this.#waiting.push(reader);
    }
    this.#joining.clear();
  }

  /** Interleaving is never exact: packets of other tracks that belong after the keyframe may have come before it. */
  #firstReaching(sequence: number, keyframe: Packet): number {
    const { ring } = this;
    const others = this.#tracks.length - 1;
    // Back to the keyframe before at most, so that each packet is looked at once.
    const stop = Math.max(ring.head, (this.#start?.keyframe ?? -1) + 1);
    const before: Track[] = [];
    let first = sequence;
    for (let at = sequence - 1; at >= stop && before.length < others; at--) {
      const packet = ring.at(at);
      if (packet.track === keyframe.track || before.includes(packet.track)) continue;
      if (!this.#tracks.includes(packet.track)) break;
      if (reaches(packet, keyframe.pts, keyframe.track.timescale)) first = at;
      else before.push(packet.track);
    }
    return first;
  }

  #wake(): void {
    if (this.#waiting.length === 0) return;
    const woken = this.#waiting;
    this.#waiting = this.#woken;
    this.#woken = woken;
    for (const reader of woken) reader.wake();
    woken.length = 0;
  }

  /** Forgets what no reader, present or to come, needs; and readers that lag. */
  #trim(newest: Packet): void {
    const { ring } = this;
    const limit = this.#start?.first ?? ring.end;
    let lost = false;
    while (ring.head < limit && (!ring.headIsWanted || this.#lags(ring.at(ring.head), newest))) {
      lost = this.#forgetOldest() || lost;
    }
    if (lost) this.#dropLost();
  }

  #lags(packet: Packet, newest: Packet): boolean {
    const seconds =
      ticksToSeconds(newest.dts, newest.track.timescale) - ticksToSeconds(packet.dts, packet.track.timescale);
    return seconds > this.#maxLag;
  }

  /** True when a reader still had to read it. */
  #forgetOldest(): boolean {
    const { ring } = this;
    const wanted = ring.headIsWanted;
    ring.shift();
    if (this.#start !== undefined && this.#start.first < ring.head) {
      const { keyframe } = this.#start;
      this.#start = keyframe < ring.head ? undefined : { keyframe, first: ring.head };
    }
    return wanted;
  }

  /** Drops whoever stood at what was forgotten: once for all of it, however much one write pushed out. */
  #dropLost(): void {
    for (const [reader, onDrop] of this.#readers) {
      if (reader.position >= 0 && reader.position < this.ring.head) this.#drop(reader, onDrop);
    }
  }

  #drop(reader: Reader, onDrop: ((drop: PacketDrop) => void) | undefined): void {
    const packets = (this.#start?.first ?? this.ring.end) - reader.position;
    reader.lose();
    reader.drops += 1;
    const { drops } = reader;
    const disconnected = drops > this.#maxDrops;
    this.#drops += 1;
    if (disconnected) {
      this.#disconnects += 1;
      const message = `the reader fell behind ${drops} times in a row and was disconnected: read faster, or raise maxBytes, maxLag or maxDrops`;
      reader.disconnect(new MediaError("READER_TOO_SLOW", message));
    } else {
      this.#admit(reader);
    }
    // Reported once the write is done, so that a callback finds the broadcast in order.
    const drop: PacketDrop = { packets, drops, disconnected };
    if (onDrop !== undefined) this.#events.push(() => onDrop(drop));
    if (this.#onDrop !== undefined) this.#events.push(() => this.#onDrop?.(drop));
  }

  #finish(ending: { readonly error?: unknown; readonly failed: boolean }): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    const waiting = [...this.#waiting, ...this.#joining];
    this.#waiting = [];
    for (const reader of waiting) reader.wake();
  }

  #checkOpen(): void {
    if (this.#ending !== undefined) throw new MediaError("SOURCE_ENDED", "the broadcast has ended: make a new one");
  }
}

function positive(name: string, value: number): number {
  if (!(value > 0)) throw new MediaError("INVALID_ARGUMENT", `${name} must be a positive number, not ${value}`);
  return value;
}
