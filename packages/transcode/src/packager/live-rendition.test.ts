import { createFragmentReader } from "@ami-streams/media";
import { expect, test } from "vitest";
import { LiveRendition } from "./live-rendition.ts";
import { madeAudioTrack, madePackets, madeVideoTrack } from "./testing/made-packets.ts";

/** An avcC that names no parameter sets: enough for a reader. */
const avcWithoutSets = Uint8Array.of(1, 0x42, 0xc0, 0x0a, 0xff, 0xe0, 0);

/** Packs a second of a track, with frames missing, in chunks of five, and reads it back. */
function packed(
  track: ReturnType<typeof madeVideoTrack> | ReturnType<typeof madeAudioTrack>,
  missing: readonly number[],
) {
  const rendition = new LiveRendition("r", "r", track, "s", 1.2);
  const duration = track.kind === "video" ? 3600 : 1024;
  const gop = track.kind === "video" ? 50 : 1;
  const packets = madePackets({ track, count: 25, duration, gop, size: 20, receivedAt: 0 });
  const boundary = {
    number: 0,
    time: 0,
    discontinuity: false,
    discontinuitySequence: 0,
    programDateTime: 0,
    keyframe: true,
  };
  rendition.openSegment({ type: "segment-opened", rendition: "r", boundary, track, time: 0, startTicks: 0 });
  const kept = packets.filter((_, index) => !missing.includes(index));
  for (let start = 0; start < kept.length; start += 5) {
    rendition.appendChunk({ type: "chunk-cut", rendition: "r", packets: kept.slice(start, start + 5) });
  }
  const { init, body } = rendition.open!;
  body.end();
  const reader = createFragmentReader();
  return { kept, read: [...reader.push(init.bytes), ...reader.push(body.bytes!)] };
}

test("after missing frames the next chunk goes on in decoding time, and is shown at its time", () => {
  const { kept, read } = packed({ ...madeVideoTrack(), config: avcWithoutSets }, [10, 11, 12, 13]);
  expect(read.map(({ pts }) => pts)).toEqual(kept.map(({ pts }) => pts));
  for (const [index, { dts }] of read.entries()) {
    const before = read[index - 1];
    if (before !== undefined) expect(dts).toBe(before.dts + before.duration);
  }
});

test("sound keeps its holes: every one of its frames can be started from", () => {
  const { kept, read } = packed(madeAudioTrack(), [10, 11, 12, 13]);
  expect(read.map(({ dts, pts }) => [dts, pts])).toEqual(kept.map(({ dts, pts }) => [dts, pts]));
});

test("a frame that comes sooner than the duration sent before it said never overlaps it", () => {
  const rendition = new LiveRendition("r", "r", { ...madeVideoTrack(), config: avcWithoutSets }, "s", 1.2);
  const { track } = rendition;
  const boundary = {
    number: 0,
    time: 0,
    discontinuity: false,
    discontinuitySequence: 0,
    programDateTime: 0,
    keyframe: true,
  };
  rendition.openSegment({ type: "segment-opened", rendition: "r", boundary, track, time: 0, startTicks: 0 });
  const packets = madePackets({ track, count: 6, duration: 3600, gop: 50, size: 20, receivedAt: 0 });
  // The second chunk starts 90 ticks after the first one's last frame, whose duration was sent as 3600.
  const late = packets.slice(3).map((packet) => ({ ...packet, dts: packet.dts - 3510, pts: packet.pts - 3510 }));
  rendition.appendChunk({ type: "chunk-cut", rendition: "r", packets: packets.slice(0, 3) });
  rendition.appendChunk({ type: "chunk-cut", rendition: "r", packets: late });
  const { init, body } = rendition.open!;
  body.end();
  const reader = createFragmentReader();
  const read = [...reader.push(init.bytes), ...reader.push(body.bytes!)];
  expect(read).toHaveLength(6);
  for (const [index, { dts, pts }] of read.entries()) {
    const before = read[index - 1];
    if (before !== undefined) expect(dts).toBeGreaterThanOrEqual(before.dts + before.duration);
    expect(pts).toBeGreaterThanOrEqual(dts);
  }
  expect(read.at(-1)!.pts).toBe(late.at(-1)!.pts);
});
