/** Enhanced FLV as its authors made it: AV1, Opus, ModEx with nanoseconds and metadata frames. */

import { readFile } from "node:fs/promises";
import type { Packet, Track } from "@ami-streams/media";
import { footage } from "@ami-streams/testing";
import { expect, test } from "vitest";
import { PublicationAssembler } from "../publication/assembler.ts";
import { readAudioTags } from "./flv/audio-tag.ts";
import { readVideoTags } from "./flv/video-tag.ts";

const path = footage("enhanced-flv-bbb.flv");

function* readFlv(file: Buffer): Generator<{ typeId: number; timestamp: number; payload: Uint8Array }> {
  for (let offset = file.readUInt32BE(5) + 4; offset + 11 <= file.length; ) {
    const size = file.readUIntBE(offset + 1, 3);
    const timestamp = (file.readUIntBE(offset + 4, 3) | (file[offset + 7]! << 24)) >>> 0;
    yield { typeId: file[offset]! & 0x1f, timestamp, payload: file.subarray(offset + 11, offset + 11 + size) };
    offset += 11 + size + 4;
  }
}

test.skipIf(path === null)(
  "every tag of an enhanced FLV is understood, and becomes seamless AV1 and Opus",
  async () => {
    const file = await readFile(path ?? "");
    const packets: Packet[] = [];
    let tracks: readonly Track[] = [];
    const assembler = new PublicationAssembler({
      start: (list) => {
        tracks = list;
      },
      retrack: (list) => {
        tracks = list;
      },
      packet: (packet) => packets.push(packet),
      repaired: () => {},
    });
    const counts = new Map<string, number>();
    for (const { typeId, timestamp, payload } of readFlv(file)) {
      for (const tag of typeId === 9 ? readVideoTags(payload) : typeId === 8 ? readAudioTags(payload) : []) {
        const name = `${tag.kind} ${tag.codecName} ${tag.type}${tag.nanoOffset > 0 ? " nano" : ""}`;
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      assembler.push({ typeId, streamId: 1, timestamp, payload }, timestamp, 0);
    }
    assembler.finish();
    expect(Object.fromEntries(counts)).toEqual({
      "video av01 config": 2,
      "video av01 metadata": 1,
      "video av01 frame": 897,
      "audio Opus config": 1,
      "audio Opus other": 1,
      "audio Opus frame": 1501,
    });
    expect(Object.values(assembler.repairs).every((count) => count === 0)).toBe(true);
    expect(tracks.map(({ codec }) => codec)).toEqual([expect.stringMatching(/^av01\./), "opus"]);
    for (const id of [1, 2]) {
      const own = packets.filter(({ track }) => track.id === id);
      expect(own.length).toBeGreaterThan(500);
      expect(own.slice(1).every(({ dts }, index) => dts > own[index]!.dts)).toBe(true);
    }
  },
);
