/** The broadcast against a model that keeps everything ever written and looks through it each time. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import type { AudioTrack, Packet, Track, VideoTrack } from "../track.ts";
import { createPacketBroadcast, PACKET_OVERHEAD, type PacketBroadcast } from "./index.ts";

const MAX_BYTES = 12 * PACKET_OVERHEAD;
const MAX_DROPS = 1;
/** Of media, in seconds. */
const MAX_LAG = 0.1;

/** What a model reader has, and where it is in the list of everything written. */
interface ModelReader {
  position: number | undefined;
  /** The keyframe it started at, and which tracks have begun since. */
  start: { keyframe: Packet; tracks: readonly Track[]; epoch: number; begun: Set<Track> } | undefined;
  drops: number;
  state: "reading" | "too slow" | "gone";
}

/** The rules of the broadcast, said as plainly as possible and at any cost. */
class Model {
  readonly written: Packet[] = [];
  /** Index in `written` of the oldest packet still held. */
  head = 0;
  tracks: readonly Track[] = [];
  /** Index of the first packet after the tracks were set. */
  epoch = 0;
  /** Indexes of the newest keyframe of the main track, and of the first packet that belongs after it. */
  newest: { index: number; first: number } | undefined;
  readonly readers: ModelReader[] = [];
  drops = 0;

  heldBytes(): number {
    return this.written.slice(this.head).reduce((sum, { data }) => sum + data.byteLength + PACKET_OVERHEAD, 0);
  }

  main(): Track | undefined {
    return this.tracks.find(({ kind }) => kind === "video") ?? this.tracks[0];
  }

  start(): { keyframe: Packet; first: number } | undefined {
    if (this.newest === undefined || this.newest.index < this.head) return undefined;
    const { index, first } = this.newest;
    return { keyframe: this.written[index]!, first: Math.max(first, this.head) };
  }

  /** The last packet written is a keyframe to start at. Other tracks may have been ahead, back to the one before. */
  markKeyframe(): void {
    const index = this.written.length - 1;
    const keyframe = this.written[index]!;
    const replaced = this.written.findLastIndex(({ track }) => !this.tracks.includes(track));
    const oldest = Math.max(this.head, replaced + 1, (this.newest?.index ?? -1) + 1);
    const ahead = this.written.findIndex(
      (packet, at) => at >= oldest && packet.track !== keyframe.track && this.reaches(packet, keyframe),
    );
    this.newest = { index, first: ahead < 0 ? index : ahead };
  }

  reaches(packet: Packet, keyframe: Packet): boolean {
    const end = (packet.pts + packet.duration) / packet.track.timescale;
    return end > keyframe.pts / keyframe.track.timescale + 1e-9;
  }

  admit(reader: ModelReader): void {
    const start = this.start();
    reader.position = start?.first;
    reader.start = start && { keyframe: start.keyframe, tracks: this.tracks, epoch: this.epoch, begun: new Set() };
  }

  /** Those who stood at what was forgotten, once for each write however much that was. */
  dropLost(): void {
    for (const reader of this.readers) {
      if (reader.state !== "reading" || reader.position === undefined || reader.position >= this.head) continue;
      reader.drops += 1;
      this.drops += 1;
      if (reader.drops > MAX_DROPS) {
        reader.state = "too slow";
        reader.position = undefined;
      } else {
        this.admit(reader);
      }
    }
  }

  write(packet: Packet): void {
    while (this.heldBytes() + packet.data.byteLength + PACKET_OVERHEAD > MAX_BYTES) this.head += 1;
    this.dropLost();
    this.written.push(packet);
    if (packet.keyframe && packet.track === this.main()) {
      this.markKeyframe();
      for (const reader of this.readers)
        if (reader.state === "reading" && reader.position === undefined) this.admit(reader);
    }
    const limit = this.start()?.first ?? this.written.length;
    while (this.head < limit) {
      const wanted = this.readers.some(({ state, position }) => state === "reading" && position === this.head);
      const oldest = this.written[this.head]!;
      const lag = packet.dts / packet.track.timescale - oldest.dts / oldest.track.timescale;
      if (wanted && !(lag > MAX_LAG)) break;
      this.head += 1;
    }
    this.dropLost();
  }

  /** The next packet for a reader, or undefined where it has to wait, which leaves it where it is. */
  read(reader: ModelReader): Packet | undefined {
    const { position, drops } = reader;
    while (reader.position !== undefined && reader.position < this.written.length) {
      const packet = this.written[reader.position]!;
      reader.position += 1;
      if (reader.position === this.written.length) reader.drops = 0;
      if (this.passes(packet, reader.position - 1, reader)) return packet;
    }
    Object.assign(reader, { position, drops });
    return undefined;
  }

  passes(packet: Packet, index: number, reader: ModelReader): boolean {
    const { start } = reader;
    if (start === undefined || start.begun.size === start.tracks.length) return true;
    if (!start.tracks.includes(packet.track)) return index >= start.epoch;
    const isMain = packet.track === start.keyframe.track;
    if (isMain && packet.keyframe && start.begun.has(packet.track)) start.keyframe = packet;
    if (start.begun.has(packet.track)) return true;
    if (isMain ? packet !== start.keyframe : !packet.keyframe || !this.reaches(packet, start.keyframe)) return false;
    start.begun.add(packet.track);
    return true;
  }
}

interface Real {
  readonly source: PacketBroadcast;
  readonly readers: AsyncIterator<Packet>[];
}

const base = { config: new Uint8Array() };
const video = (): VideoTrack => ({
  ...base,
  kind: "video",
  id: 1,
  codec: "avc1.42c01e",
  timescale: 1000,
  width: 16,
  height: 16,
});
const audio = (): AudioTrack => ({
  ...base,
  kind: "audio",
  id: 2,
  codec: "opus",
  timescale: 48_000,
  sampleRate: 48_000,
  channels: 2,
});

type Command = fc.AsyncCommand<Model, Real>;

/** Time runs from one packet to the next; `jitter` misplaces it between tracks, as interleaving does. */
class Write implements Command {
  readonly options: { which: number; keyframe: boolean; size: number; jitter: number };
  constructor(options: Write["options"]) {
    this.options = options;
  }
  check(model: Readonly<Model>): boolean {
    return model.tracks.length > 0;
  }
  async run(model: Model, { source }: Real): Promise<void> {
    const { which, keyframe, size, jitter } = this.options;
    const track = model.tracks[which % model.tracks.length]!;
    const last = model.written.findLast((written) => written.track === track);
    const milliseconds = Math.max(0, model.written.length * 20 + jitter);
    const dts = Math.max(milliseconds * (track.timescale / 1000), last === undefined ? 0 : last.dts + 1);
    const isKeyframe = track.kind === "audio" || keyframe;
    const duration = 20 * (track.timescale / 1000);
    const packet = { track, dts, pts: dts, duration, keyframe: isKeyframe, data: new Uint8Array(size) };
    source.write(packet);
    model.write(packet);
    expect(source.stats.heldBytes).toBeLessThanOrEqual(MAX_BYTES);
    expect(source.stats).toMatchObject({
      heldBytes: model.heldBytes(),
      heldPackets: model.written.length - model.head,
      drops: model.drops,
      readers: model.readers.filter(({ state }) => state === "reading").length,
    });
  }
  toString(): string {
    return `write(${JSON.stringify(this.options)})`;
  }
}

class SetTracks implements Command {
  readonly kinds: readonly ("video" | "audio")[];
  readonly keep: "video" | "audio" | null;
  constructor(kinds: readonly ("video" | "audio")[], keep: "video" | "audio" | null) {
    this.kinds = kinds;
    this.keep = keep;
  }
  check(): boolean {
    return true;
  }
  async run(model: Model, { source }: Real): Promise<void> {
    const before = model.main();
    const kept = (kind: "video" | "audio") =>
      this.keep === kind ? model.tracks.find((track) => track.kind === kind) : undefined;
    model.tracks = this.kinds.map((kind) => kept(kind) ?? (kind === "video" ? video() : audio()));
    if (model.main() !== before) model.newest = undefined;
    model.epoch = model.written.length;
    source.setTracks(model.tracks);
  }
  toString(): string {
    return `setTracks(${this.kinds}, keep ${this.keep})`;
  }
}

class Join implements Command {
  check(): boolean {
    return true;
  }
  async run(model: Model, real: Real): Promise<void> {
    real.readers.push(real.source.packets()[Symbol.asyncIterator]());
    const reader: ModelReader = { position: undefined, start: undefined, drops: 0, state: "reading" };
    model.readers.push(reader);
    model.admit(reader);
  }
  toString(): string {
    return "join()";
  }
}

class Read implements Command {
  readonly which: number;
  readonly count: number;
  constructor(which: number, count: number) {
    this.which = which;
    this.count = count;
  }
  check(model: Readonly<Model>): boolean {
    return model.readers.length > 0;
  }
  async run(model: Model, real: Real): Promise<void> {
    const index = this.which % model.readers.length;
    const [reader, expected] = [real.readers[index]!, model.readers[index]!];
    for (let count = 0; count < this.count; count++) {
      if (expected.state === "too slow") {
        expected.state = "gone";
        await expect(reader.next()).rejects.toMatchObject({ code: "READER_TOO_SLOW", name: MediaError.name });
      } else if (expected.state === "gone") {
        expect(await reader.next()).toEqual({ done: true, value: undefined });
      } else {
        const packet = model.read(expected);
        // A read that has to wait would hang the model: waiting is for the other tests.
        if (packet === undefined) return;
        expect((await reader.next()).value).toBe(packet);
      }
    }
  }
  toString(): string {
    return `read(${this.which}, ${this.count})`;
  }
}

class Leave implements Command {
  readonly which: number;
  constructor(which: number) {
    this.which = which;
  }
  check(model: Readonly<Model>): boolean {
    return model.readers.length > 0;
  }
  async run(model: Model, real: Real): Promise<void> {
    const index = this.which % model.readers.length;
    await real.readers[index]!.return?.();
    // Its failure, if any, is still to be told.
    if (model.readers[index]!.state === "reading") model.readers[index]!.state = "gone";
  }
  toString(): string {
    return `leave(${this.which})`;
  }
}

test("any course of writing, reading, joining and leaving is what the model says", async () => {
  const write = fc
    .record({ which: fc.nat(1), keyframe: fc.boolean(), size: fc.nat(200), jitter: fc.integer({ min: -60, max: 60 }) })
    .map((options) => new Write(options));
  const kinds = fc.constantFrom(["video"], ["audio"], ["video", "audio"], ["audio", "video"]) as fc.Arbitrary<
    ("video" | "audio")[]
  >;
  const commands = fc.commands(
    [
      write,
      write,
      write,
      fc.constant(new Join()),
      fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 6 })).map(([which, count]) => new Read(which, count)),
      fc.nat(5).map((which) => new Leave(which)),
      fc
        .tuple(kinds, fc.constantFrom("video" as const, "audio" as const, null))
        .map((options) => new SetTracks(...options)),
    ],
    { size: "+1" },
  );
  await fc.assert(
    fc.asyncProperty(commands, async (all) => {
      const setup = () => {
        const tracks = [video(), audio()];
        const model = new Model();
        model.tracks = tracks;
        const bounds = { maxBytes: MAX_BYTES, maxDrops: MAX_DROPS, maxLag: MAX_LAG };
        return { model, real: { source: createPacketBroadcast({ tracks, ...bounds }), readers: [] } };
      };
      await fc.asyncModelRun(setup, all);
    }),
    { numRuns: 300 },
  );
});
