/** Renditions: those that are the source itself, and those that are put together from encoded and copied tracks. */

import {
  createPacketBroadcast,
  PACKET_OVERHEAD,
  type Packet,
  type PacketBroadcast,
  type PacketSource,
  type ReadOptions,
  type Track,
} from "@ami-streams/media";
import type { Rung } from "../ladder/rung.ts";
import type { Rendition } from "./encoding.ts";

/** A rung that needs no encoder: the source's own packets, of the rung's tracks. */
export function passThrough(source: PacketSource, rung: Rung, trackIds: ReadonlySet<number>): Rendition {
  const wanted = (track: Track) => trackIds.has(track.id);
  return {
    name: rung.name,
    rung,
    get tracks() {
      return source.tracks.filter(wanted);
    },
    async *packets(options?: ReadOptions) {
      for await (const packet of source.packets(options)) if (wanted(packet.track)) yield packet;
    },
  };
}

/** The writing end of a rendition with something encoded in it. */
export class RenditionFeed implements Rendition {
  readonly name: string;
  readonly rung: Rung;
  readonly #broadcast: PacketBroadcast;
  /** By id, in the order video, audio; null until the encoder has said what it makes. */
  readonly #tracks: Map<number, Track | null>;
  readonly #lastDts = new Map<number, number>();
  readonly #maxBytes: number;
  /** What was made before anyone read: the first reader gets all of it, so that no rendition starts later than another. */
  #backlog: Packet[] | null = [];
  #backlogBytes = 0;
  #ending: { readonly error?: unknown; readonly failed: boolean } | undefined;

  /** @param tracks - the rung's, by id: as the source has it where it is copied, null where it is yet to be encoded. */
  constructor(rung: Rung, tracks: ReadonlyMap<number, Track | null>, maxBytes: number) {
    this.name = rung.name;
    this.rung = rung;
    this.#tracks = new Map(tracks);
    this.#maxBytes = maxBytes;
    this.#broadcast = createPacketBroadcast({ maxBytes });
    this.#announce();
  }

  get tracks(): readonly Track[] {
    return this.#broadcast.tracks;
  }

  /** All its tracks are known. */
  get ready(): boolean {
    return this.#broadcast.tracks.length > 0;
  }

  async *packets(options?: ReadOptions): AsyncIterable<Packet> {
    const reader = this.#broadcast.packets(options)[Symbol.asyncIterator]();
    try {
      // It waits before the backlog is let go, so that it gets all of that.
      let next = reader.next();
      this.#release();
      for (;;) {
        const result = await next;
        if (result.done === true) return;
        yield result.value;
        next = reader.next();
      }
    } finally {
      await reader.return?.();
    }
  }

  /** A track is there, or another. */
  setTrack(track: Track): void {
    if (this.#closed || this.#tracks.get(track.id) === track) return;
    // The broadcast takes no packets of tracks that are gone.
    if (this.ready) this.#release();
    this.#tracks.set(track.id, track);
    this.#announce();
  }

  /** Hands a packet to readers, unless tracks are missing yet or it goes back in time. */
  write(packet: Packet): void {
    if (this.#closed) return;
    if (packet.track !== this.#tracks.get(packet.track.id)) this.setTrack(packet.track);
    if (!this.ready || packet.dts <= (this.#lastDts.get(packet.track.id) ?? -1)) return;
    this.#lastDts.set(packet.track.id, packet.dts);
    if (this.#backlog === null) {
      this.#broadcast.write(packet);
      return;
    }
    this.#backlog.push(packet);
    this.#backlogBytes += packet.data.length + PACKET_OVERHEAD;
    if (this.#backlogBytes > this.#maxBytes) this.#release();
  }

  /** No more packets. Idempotent. */
  end(): void {
    this.#close({ failed: false });
  }

  /** As {@link end}, but readers throw `error` after what is there for them. */
  fail(error: unknown): void {
    this.#close({ failed: true, error });
  }

  get #closed(): boolean {
    return this.#ending !== undefined;
  }

  #close(ending: { readonly error?: unknown; readonly failed: boolean }): void {
    if (this.#closed) return;
    this.#ending = ending;
    if (this.#backlog === null || this.#backlog.length === 0) this.#release();
  }

  #release(): void {
    const backlog = this.#backlog;
    this.#backlog = null;
    if (backlog !== null) for (const packet of backlog) this.#broadcast.write(packet);
    if (this.#ending?.failed === true) this.#broadcast.fail(this.#ending.error);
    else if (this.#ending !== undefined) this.#broadcast.end();
  }

  #announce(): void {
    const tracks: Track[] = [];
    for (const track of this.#tracks.values()) {
      if (track === null) return;
      tracks.push(track);
    }
    this.#broadcast.setTracks(tracks);
  }
}
