import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from "mediabunny";
import { createFile, type Movie, MP4BoxBuffer, type Sample } from "mp4box";
import { describe, expect, test } from "vitest";
import { writeSegmentIndex } from "./segment-index.ts";
import { concat, trackFixture, writeFile } from "./testing.ts";

const recordings = [
  "ffmpeg-h264-bframes-aac-frag-every-frame.mp4",
  "ffmpeg-h264-negative-composition-offsets.mp4",
  "ffmpeg-hevc-hvc1.mp4",
  "ffmpeg-hevc-hev1.mp4",
  "ffmpeg-av1.mp4",
  "ffmpeg-opus.mp4",
  "ffmpeg-mp3.mp4",
  "gstreamer-h264-aac.mp4",
];

describe.each(recordings)("%s, written by us", (name) => {
  const { track, packets } = trackFixture(name);

  test.each([1, 5, 100])("is to mp4box what we meant, by fragments of %i", (size) => {
    const { movie, samples } = mp4box(writeFile(track, packets, size));
    expect(movie.isFragmented).toBe(true);
    expect(movie.brands).toContain("cmfc");
    expect(movie.tracks).toHaveLength(1);
    const [read] = movie.tracks;
    expect(read).toMatchObject({ id: track.id, timescale: track.timescale });
    expect(read!.codec.toLowerCase()).toBe(track.codec.toLowerCase());
    expect(samples.map(({ dts, cts, duration, is_sync, data }) => [dts, cts, duration, is_sync, [...data!]])).toEqual(
      packets.map(({ dts, pts, duration, keyframe, data }) => [dts, pts, duration, keyframe, [...data]]),
    );
  });

  test.each([1, 5, 100])("is to mediabunny what we meant, by fragments of %i", async (size) => {
    using input = new Input({ source: new BufferSource(writeFile(track, packets, size)), formats: ALL_FORMATS });
    const [read] = await input.getTracks();
    expect(await input.getTracks()).toHaveLength(1);
    // mediabunny calls MP3 by its WebCodecs name, and HEVC always hev1.
    expect(await read!.getCodecParameterString()).toBe(track.codec.replace("mp4a.6b", "mp3").replace("hvc1", "hev1"));
    const inOrder: [number, boolean, number][] = [];
    for await (const packet of new EncodedPacketSink(read!).packets()) {
      inOrder.push([Math.round(packet.timestamp * track.timescale), packet.type === "key", packet.byteLength]);
    }
    expect(inOrder).toEqual(packets.map(({ pts, keyframe, data }) => [pts, keyframe, data.length]));
  });
});

test("mp4box finds no box of ours that it does not know", () => {
  const { track, packets } = trackFixture("ffmpeg-h264-bframes-aac-frag-every-frame.mp4");
  const index = { referenceId: 1, timescale: track.timescale, earliestPresentationTime: 0 };
  const file = concat([
    writeFile(track, packets, 4),
    writeSegmentIndex({ ...index, references: [{ size: 100, duration: 512 }] }),
  ]);
  expect(mp4box(file).boxes).toEqual([
    ..."ftyp moov".split(" "),
    ..."styp prft emsg moof mdat".split(" "),
    ..."styp prft moof mdat".split(" "),
    ..."styp prft moof mdat".split(" "),
    "sidx",
  ]);
});

function mp4box(bytes: Uint8Array<ArrayBuffer>): { movie: Movie; samples: Sample[]; boxes: string[] } {
  const file = createFile(true);
  const samples: Sample[] = [];
  let movie: Movie | undefined;
  file.onError = (module, message) => {
    throw new Error(`${module}: ${message}`);
  };
  file.onReady = (info) => {
    movie = info;
    for (const { id } of info.tracks) file.setExtractionOptions(id, undefined, { nbSamples: 1 });
    file.start();
  };
  file.onSamples = (_id, _user, extracted) => {
    samples.push(...extracted);
  };
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(bytes.buffer, 0), true);
  file.flush();
  if (movie === undefined) throw new Error("mp4box found no moov");
  return { movie, samples, boxes: file.boxes.map((box) => box.type ?? "?") };
}
