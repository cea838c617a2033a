/** Renditions: those that are the source itself, and those that are put together from encoded and copied tracks. */

import {
  createPacketBroadcast,
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

  /** @param tracks - the rung's, by id: as the source has it where it is copied, null where it is yet to be encoded. */
  constructor(rung: Rung, tracks: ReadonlyMap<number, Track | null>, maxBytes: number) {
    this.name = rung.name;
    this.rung = rung;
    this.#tracks = new Map(tracks);
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

  packets(options?: ReadOptions): AsyncIterable<Packet> {
    return this.#broadcast.packets(options);
  }

  /** A track is there, or another. */
  setTrack(track: Track): void {
    if (this.#broadcast.ended || this.#tracks.get(track.id) === track) return;
    this.#tracks.set(track.id, track);
    this.#announce();
  }

  /** Hands a packet to readers, unless tracks are missing yet or it goes back in time. */
  write(packet: Packet): void {
    if (this.#broadcast.ended) return;
    if (packet.track !== this.#tracks.get(packet.track.id)) this.setTrack(packet.track);
    if (!this.ready || packet.dts <= (this.#lastDts.get(packet.track.id) ?? -1)) return;
    this.#lastDts.set(packet.track.id, packet.dts);
    this.#broadcast.write(packet);
  }

  end(): void {
    this.#broadcast.end();
  }

  fail(error: unknown): void {
    this.#broadcast.fail(error);
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
