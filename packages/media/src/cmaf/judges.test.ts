import {
  ALL_FORMATS,
  BufferSource,
  BufferTarget,
  EncodedAudioPacketSource,
  EncodedPacketSink,
  EncodedVideoPacketSource,
  Input,
  type InputTrack,
  Mp4OutputFormat,
  Output,
} from "mediabunny";
import { createFile, type Movie, MP4BoxBuffer, type Sample } from "mp4box";
import { describe, expect, test } from "vitest";
import type { Packet } from "../track.ts";
import { createFragmentReader } from "./fragment-reader.ts";
import { writeSegmentIndex } from "./segment-index.ts";
import { concat, hex, readAll, trackFixture, writeFile } from "./testing.ts";

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

describe.each(recordings)("%s, written by others", (name) => {
  const { track, packets } = trackFixture(name);

  test("as mp4box segments it, is what it was", () => {
    const { init, segments } = segmentByMp4box(writeFile(track, packets, 100));
    const reader = createFragmentReader();
    const read = [...reader.push(init), ...segments.flatMap((segment) => reader.push(segment))];
    reader.end();
    expect(reader.init!.tracks[0]).toMatchObject({ codec: track.codec, kind: track.kind, timescale: track.timescale });
    expect(read.map(essence)).toEqual(packets.map(essence));
  });

  test("as mediabunny writes it, is what it was", async () => {
    using input = new Input({ source: new BufferSource(writeFile(track, packets, 100)), formats: ALL_FORMATS });
    const [source] = await input.getTracks();
    const target = new BufferTarget();
    const output = new Output({
      format: new Mp4OutputFormat({ fastStart: "fragmented", minimumFragmentDuration: 0.1 }),
      target,
    });
    await copyTrack(source!, output);
    await output.finalize();
    const { init, packets: read } = readAll(new Uint8Array(target.buffer!), 1000);
    expect(init.tracks[0]).toMatchObject({ codec: track.codec, kind: track.kind });
    expect(read.map(({ data, keyframe }) => [hex(data), keyframe])).toEqual(
      packets.map(({ data, keyframe }) => [hex(data), keyframe]),
    );
    // It starts its decode times below zero by an edit list, or moves them: what counts is when a picture is shown.
    const shown = (list: readonly Packet[], offset: number) =>
      list.map(({ pts, track: { timescale } }) => (pts + offset) / timescale);
    const { presentationOffset } = init.details.get(init.tracks[0]!.id)!;
    const times = shown(read, presentationOffset);
    for (const [i, time] of shown(packets, 0).entries()) expect(times[i]).toBeCloseTo(time, 3);
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

function essence({ dts, pts, duration, keyframe, data }: Packet): unknown {
  return [dts, pts, duration, keyframe, hex(data)];
}

async function copyTrack(source: InputTrack, output: Output): Promise<void> {
  const packets = new EncodedPacketSink(source).packets();
  if (source.isVideoTrack()) {
    const sink = new EncodedVideoPacketSource((await source.getCodec())!);
    output.addVideoTrack(sink);
    await output.start();
    const decoderConfig = (await source.getDecoderConfig())!;
    for await (const packet of packets) await sink.add(packet, { decoderConfig });
  } else if (source.isAudioTrack()) {
    const sink = new EncodedAudioPacketSource((await source.getCodec())!);
    output.addAudioTrack(sink);
    await output.start();
    const decoderConfig = (await source.getDecoderConfig())!;
    for await (const packet of packets) await sink.add(packet, { decoderConfig });
  }
}

function segmentByMp4box(bytes: Uint8Array<ArrayBuffer>): { init: Uint8Array; segments: Uint8Array[] } {
  const file = createFile(true);
  let init: Uint8Array | undefined;
  const segments: Uint8Array[] = [];
  file.onReady = (info) => {
    for (const { id } of info.tracks) file.setSegmentOptions(id, undefined, { nbSamples: 5 });
    init = new Uint8Array(file.initializeSegmentation().buffer);
    file.start();
  };
  file.onSegment = (_id, _user, buffer) => {
    segments.push(new Uint8Array(buffer));
  };
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(bytes.buffer, 0), true);
  file.flush();
  if (init === undefined) throw new Error("mp4box found no moov");
  return { init, segments };
}

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
