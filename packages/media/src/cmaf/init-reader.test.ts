import fc from "fast-check";
import { expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import type { Track } from "../track.ts";
import { readBoxes } from "./box-reader.ts";
import { readInitSegment } from "./init-reader.ts";
import { writeInitSegment } from "./init-writer.ts";
import { fixture, readAll, videoTrack } from "./testing.ts";

const fixtures: [name: string, ...tracks: string[]][] = [
  ["ffmpeg-av1.mp4", "1 av01 av01.0.00M.08 160x90, 12 packets, 2 keyframes, offset 0"],
  [
    "ffmpeg-h264-aac-edit-lists.mp4",
    "1 avc1 avc1.64000b 160x90, 12 packets, 2 keyframes, offset -1024",
    "2 mp4a mp4a.40.2 48000 Hz 1 ch 32000 b/s, 24 packets, 24 keyframes, offset -1024",
  ],
  [
    "ffmpeg-h264-bframes-aac-frag-every-frame.mp4",
    "1 avc1 avc1.64000b 160x90, 12 packets, 2 keyframes, offset 0",
    "2 mp4a mp4a.40.2 48000 Hz 1 ch 32000 b/s de, 24 packets, 24 keyframes, offset 0",
  ],
  ["ffmpeg-h264-negative-composition-offsets.mp4", "1 avc1 avc1.64000b 160x90, 12 packets, 2 keyframes, offset 0"],
  ["ffmpeg-hevc-hev1.mp4", "1 hev1 hvc1.1.6.L30.90 160x90, 12 packets, 2 keyframes, offset 0"],
  ["ffmpeg-hevc-hvc1.mp4", "1 hvc1 hvc1.1.6.L30.90 160x90, 12 packets, 2 keyframes, offset 0"],
  ["ffmpeg-mp3.mp4", "1 mp4a mp4a.6b 48000 Hz 2 ch 32000 b/s, 21 packets, 21 keyframes, offset 0"],
  ["ffmpeg-opus.mp4", "1 Opus opus 48000 Hz 1 ch 24000 b/s, 25 packets, 25 keyframes, offset 0"],
  [
    "gstreamer-h264-aac.mp4",
    "1 avc1 avc1.f4000b 160x90 169900 b/s, 12 packets, 2 keyframes, offset 0",
    "2 mp4a mp4a.40.2 48000 Hz 2 ch 30000 b/s, 24 packets, 24 keyframes, offset 0",
  ],
];

test.each(fixtures)("%s is read, track by track", (name, ...expected) => {
  const { init, packets } = readAll(fixture(name), 997);
  const summaries = init.tracks.map((track) => {
    const own = packets.filter((packet) => packet.track === track);
    const keyframes = own.filter((packet) => packet.keyframe).length;
    const { sampleEntry, presentationOffset } = init.details.get(track.id)!;
    return `${track.id} ${sampleEntry} ${describe(track)}, ${own.length} packets, ${keyframes} keyframes, offset ${presentationOffset}`;
  });
  expect(summaries).toEqual(expected);
});

function describe(track: Track): string {
  const { codec, bitrate, language } = track;
  const size =
    track.kind === "video" ? `${track.width}x${track.height}` : `${track.sampleRate} Hz ${track.channels} ch`;
  return [codec, size, bitrate && `${bitrate} b/s`, language].filter(Boolean).join(" ");
}

test("brands, the major one first", () => {
  expect(readInitSegment(fixture("ffmpeg-h264-aac-edit-lists.mp4")).brands).toEqual(["iso5", "iso6", "mp41"]);
});

test("media behind the moov need not be complete", () => {
  const file = fixture("ffmpeg-opus.mp4");
  const [, movie] = [...readBoxes(file)];
  const head = file.subarray(0, movie!.offset + movie!.size);
  expect(readInitSegment(head).tracks).toHaveLength(1);
  expect(readInitSegment(file.subarray(0, head.length + 20)).tracks).toHaveLength(1);
});

test("a configuration written before the encoder had one is refused with what to do", () => {
  expect(() => readInitSegment(fixture("ffmpeg-av1-without-sequence-header.mp4"))).toThrow(/\+delay_moov/);
});

test("a track of an unknown codec is not among the tracks, but has details", () => {
  const file = replace(fixture("ffmpeg-h264-bframes-aac-frag-every-frame.mp4"), "mp4a", "ec-3");
  const init = readInitSegment(file);
  expect(init.tracks.map((track) => track.codec)).toEqual(["avc1.64000b"]);
  expect(init.details.get(2)).toMatchObject({ sampleEntry: "ec-3", supported: false });
  const { packets } = readAll(file, 100);
  expect(packets).toHaveLength(12);
});

test("an edit list that waits for ever is refused", () => {
  const init = Buffer.from(writeInitSegment({ tracks: [videoTrack] }));
  const wait = "001fffffffffffff ffffffffffffffff 00010000"; // an empty edit of 2^53 - 1 ticks
  const edits = Buffer.from(
    `00000040 65647473 00000038 656c7374 01000000 00000002 ${wait} ${wait}`.replaceAll(" ", ""),
    "hex",
  );
  const insertAt = init.indexOf("mdia") - 4;
  for (const container of ["moov", "trak"]) {
    const size = init.indexOf(container) - 4;
    init.writeUInt32BE(init.readUInt32BE(size) + edits.length, size);
  }
  const file = Buffer.concat([init.subarray(0, insertAt), edits, init.subarray(insertAt)]);
  expect(() => readInitSegment(file)).toThrow(expect.objectContaining({ name: "MediaError", code: "LIMIT_EXCEEDED" }));
});

test("a subtitle track has details", () => {
  const init = readInitSegment(replace(fixture("ffmpeg-opus.mp4"), "soun", "text"));
  expect(init.tracks).toEqual([]);
  expect(init.details.get(1)).toMatchObject({ sampleEntry: "Opus", supported: false });
});

/** The file with the first of a four-character code replaced. */
function replace(file: Uint8Array, from: string, to: string): Uint8Array {
  const changed = Buffer.from(file);
  changed.write(to, changed.indexOf(from, 0, "latin1"), "latin1");
  return new Uint8Array(changed);
}

test.each([
  ["nothing", new Uint8Array(0), "MALFORMED"],
  ["a file without moov", fixture("ffmpeg-opus.mp4").subarray(0, 28), "MALFORMED"],
  ["half a moov", fixture("ffmpeg-opus.mp4").subarray(0, 300), "TRUNCATED"],
  ["a sample entry without configuration", replace(fixture("ffmpeg-opus.mp4"), "dOps", "free"), "MALFORMED"],
  ["a track without media", replace(fixture("ffmpeg-opus.mp4"), "mdia", "free"), "MALFORMED"],
  ["a track without timescale", replace(fixture("ffmpeg-opus.mp4"), "mdhd", "free"), "MALFORMED"],
  ["a track without an id", replace(fixture("ffmpeg-opus.mp4"), "tkhd", "free"), "MALFORMED"],
])("%s is refused", (_, bytes, code) => {
  expect(() => readInitSegment(bytes)).toThrow(expect.objectContaining({ name: "MediaError", code }));
});

test("truncated and mutated initialisations are read or a MediaError", () => {
  const heads = fixtures.map(([name]) => fixture(name).subarray(0, 1600));
  const mutations = fc.array(fc.tuple(fc.nat(1599), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...heads), mutations, fc.nat(1600), fc.boolean(), (head, changes, length, truncate) => {
      const bytes = head.slice(0, truncate ? length : undefined);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      try {
        readInitSegment(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(MediaError);
      }
    }),
    { numRuns: 500 },
  );
});
