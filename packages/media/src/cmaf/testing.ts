/** What the tests of this folder share: recorded files, and packets made up. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { AudioTrack, Packet, Track, VideoTrack } from "../track.ts";
import { createFragmentReader } from "./fragment-reader.ts";
import { writeFragment } from "./fragment-writer.ts";
import type { InitSegment } from "./init-reader.ts";
import { writeInitSegment } from "./init-writer.ts";

/** Bytes of a file in `fixtures/`. */
export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));
}

/** All of a file, read in pieces of `pieceSize` bytes. */
export function readAll(bytes: Uint8Array, pieceSize = bytes.length): { init: InitSegment; packets: Packet[] } {
  const reader = createFragmentReader();
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; at += pieceSize) packets.push(...reader.push(bytes.subarray(at, at + pieceSize)));
  reader.end();
  if (reader.init === undefined) throw new Error("no moov");
  return { init: reader.init, packets };
}

/** The first track of a fixture, or the first of a kind, with its packets. */
export function trackFixture(name: string, kind?: Track["kind"]): { track: Track; packets: Packet[] } {
  const { init, packets } = readAll(fixture(name));
  const track = init.tracks.find((candidate) => kind === undefined || candidate.kind === kind);
  if (track === undefined) throw new Error(`${name} has no track`);
  return { track, packets: packets.filter((packet) => packet.track === track) };
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export const videoTrack: VideoTrack = {
  id: 1,
  kind: "video",
  codec: "avc1.42c00a",
  timescale: 90_000,
  config: Uint8Array.from([1, 0x42, 0xc0, 0x0a, 0xff, 0xe0, 0]),
  width: 160,
  height: 90,
};

export const audioTrack: AudioTrack = {
  id: 2,
  kind: "audio",
  codec: "mp4a.40.2",
  timescale: 48_000,
  config: Uint8Array.from([0x11, 0x90]),
  sampleRate: 48_000,
  channels: 2,
};

/** Any list of packets that the contract of {@link Packet} allows, composition offsets below zero included. */
export function packetLists(track: Track, maxLength = 12): fc.Arbitrary<Packet[]> {
  const steps = fc.array(
    fc.record({
      duration: fc.oneof(fc.constant(3000), fc.integer({ min: 1, max: 0xffffffff })),
      offset: fc.oneof(fc.constant(0), fc.integer({ min: -0x80000000, max: 0x7fffffff })),
      keyframe: fc.boolean(),
      data: fc.oneof(fc.constant(Uint8Array.of(1, 2, 3)), fc.uint8Array({ minLength: 1, maxLength: 40 })),
    }),
    { minLength: 1, maxLength },
  );
  const start = fc.oneof(fc.nat(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 2 ** 40 }));
  return fc.tuple(start, steps).map(([first, list]) => {
    let dts = first;
    return list.map(({ duration, offset, keyframe, data }) => {
      const packet = { track, dts, pts: dts + offset, duration, keyframe: keyframe || track.kind === "audio", data };
      dts += duration;
      return packet;
    });
  });
}

/**
 * Packets as a CMAF file: initialisation and fragments of at most `size` packets, with every box that may stand
 * beside them.
 */
export function writeFile(track: Track, packets: readonly Packet[], size: number): Uint8Array<ArrayBuffer> {
  const fragments: Uint8Array[] = [];
  for (let at = 0; at < packets.length; at += size) {
    fragments.push(
      writeFragment({
        track,
        packets: packets.slice(at, at + size),
        sequenceNumber: fragments.length + 1,
        styp: at === 0 ? ["cmfs", "cmff", "msdh"] : ["cmfl"],
        prft: { wallClock: 1_700_000_000_000 + at },
        emsg: at === 0 ? [{ schemeIdUri: "urn:x", timescale: 1, presentationTime: 0, id: 1 }] : [],
      }),
    );
  }
  return concat([writeInitSegment({ tracks: [track] }), ...fragments]);
}

/** Cuts bytes into pieces whose sizes repeat the given ones. */
export function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}
