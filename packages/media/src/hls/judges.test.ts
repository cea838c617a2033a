import * as hlsParser from "hls-parser";
import { Parser } from "m3u8-parser";
import { describe, expect, test } from "vitest";
import { live, multivariant, recording } from "./authoring/sound-presentation.ts";
import { createDelta } from "./delta.ts";
import type { MediaPlaylist } from "./media-playlist.ts";
import { parseMediaPlaylist } from "./parse-media-playlist.ts";
import { parseMultivariantPlaylist } from "./parse-multivariant-playlist.ts";
import { samples } from "./samples.ts";
import { writeMediaPlaylist } from "./write-media-playlist.ts";
import { writeMultivariantPlaylist } from "./write-multivariant-playlist.ts";

// It writes to the console where it finds something wrong, and throws only when told so.
hlsParser.setOptions({ strictMode: true });

function byHlsParser(text: string): InstanceType<typeof hlsParser.types.MediaPlaylist> {
  const playlist = hlsParser.parse(text);
  if (!(playlist instanceof hlsParser.types.MediaPlaylist)) throw new Error("not a media playlist");
  return playlist;
}

function byM3u8Parser(text: string): Parser["manifest"] {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  return parser.manifest;
}

const written: Record<string, MediaPlaylist> = {
  "low latency, between parts": live(110, 2),
  "low latency, at a segment's end": live(110, 0),
  "a delta update": createDelta(live(110, 3)),
  "a recording": recording(),
  "byte ranges": {
    ...recording(),
    segments: recording().segments.map((item, index) => ({
      ...item,
      uri: "all.mp4",
      byteRange: { length: 1000, offset: index * 1000 },
    })),
  },
  encryption: {
    ...recording(),
    segments: recording().segments.map((item) => ({
      ...item,
      keys: [{ method: "AES-128", uri: "key", iv: new Uint8Array(16).fill(7) }],
    })),
  },
  "a discontinuity": {
    ...recording(),
    segments: recording().segments.map((item, index) =>
      index === 2 ? { ...item, discontinuity: true, map: { uri: "init2.mp4" } } : item,
    ),
  },
};

describe.each(Object.entries(written))("what is written is understood: %s", (_, playlist) => {
  const text = writeMediaPlaylist(playlist);
  const whole = playlist.segments;

  test("by hls-parser", () => {
    const read = byHlsParser(text);
    const segments = read.segments.filter((item) => item.uri !== "");
    expect(read.targetDuration).toBe(playlist.targetDuration);
    expect(read.mediaSequenceBase ?? 0).toBe(playlist.mediaSequence);
    expect(read.endlist).toBe(playlist.endList === true);
    expect(read.skip).toBe(playlist.skip?.skippedSegments ?? 0);
    expect(
      segments.map((item) => [item.uri, item.duration, item.discontinuity ?? false, item.programDateTime?.getTime()]),
    ).toEqual(whole.map((item) => [item.uri, item.duration, item.discontinuity ?? false, item.programDateTime]));
    expect(segments.map((item) => item.parts.map((part) => part.uri))).toEqual(
      whole.map((item) => (item.parts ?? []).map((part) => part.uri)),
    );
    expect(segments.map((item) => item.map?.uri)).toEqual(whole.map((item) => item.map?.uri));
    expect(segments.map((item) => item.key?.uri)).toEqual(whole.map((item) => item.keys?.[0]?.uri));
    expect(segments.map((item) => item.byterange?.offset)).toEqual(whole.map((item) => item.byteRange?.offset));
    expect(read.renditionReports.map((item) => [item.uri, item.lastMSN, item.lastPart])).toEqual(
      (playlist.renditionReports ?? []).map((item) => [item.uri, item.lastMsn, item.lastPart]),
    );
  });

  test("by m3u8-parser", () => {
    const read = byM3u8Parser(text);
    expect(read.version).toBe(playlist.version);
    expect(read.partTargetDuration).toBe(playlist.partTarget);
    expect(read.mediaSequence ?? 0).toBe(playlist.mediaSequence);
    expect(
      read.segments.map((item) => [item.uri, item.duration, item.discontinuity ?? false, item.programDateTime]),
    ).toEqual(whole.map((item) => [item.uri, item.duration, item.discontinuity ?? false, item.programDateTime]));
    expect(read.segments.map((item) => item.parts?.map((part) => [part.uri, part.duration, part.independent]))).toEqual(
      whole.map((item) => item.parts?.map((part) => [part.uri, part.duration, part.independent])),
    );
    expect(read.segments.map((item) => item.byterange?.offset)).toEqual(whole.map((item) => item.byteRange?.offset));
    expect(read.segments.map((item) => item.map?.uri)).toEqual(whole.map((item) => item.map?.uri));
    expect(read.preloadSegment?.preloadHints?.map((item) => item.uri)).toEqual(
      playlist.preloadHints?.map((item) => item.uri),
    );
    expect(read.skip?.skippedSegments).toBe(playlist.skip?.skippedSegments);
  });
});

describe("a multivariant playlist is understood", () => {
  const text = writeMultivariantPlaylist(multivariant);

  test("by hls-parser", () => {
    const read = hlsParser.parse(text);
    if (!(read instanceof hlsParser.types.MasterPlaylist)) throw new Error("not a multivariant playlist");
    const [variant] = read.variants;
    expect(variant).toMatchObject({
      uri: "video/index.m3u8",
      bandwidth: 2_200_000,
      codecs: "avc1.64001f,mp4a.40.2",
      frameRate: 29.97,
    });
    expect(variant?.audio[0]).toMatchObject({ name: "English", uri: "audio/index.m3u8", isDefault: true });
  });

  test("by m3u8-parser", () => {
    const read = byM3u8Parser(text);
    expect(read.playlists?.[0]).toMatchObject({
      uri: "video/index.m3u8",
      attributes: { BANDWIDTH: 2_200_000, AUDIO: "audio" },
    });
    expect(read.mediaGroups?.AUDIO?.audio?.English).toMatchObject({ uri: "audio/index.m3u8", language: "en" });
  });
});

describe("samples of others are read as others read them", () => {
  test.each(samples.media.map((item) => [item.name, item.text] as const))("%s", (_, text) => {
    const own = parseMediaPlaylist(text);
    const other = byM3u8Parser(text);
    expect(
      own.segments.map((item) => [
        item.uri,
        item.duration,
        item.byteRange?.length,
        item.byteRange?.offset,
        item.map?.uri,
        item.programDateTime,
      ]),
    ).toEqual(
      other.segments.map((item) => [
        item.uri,
        item.duration,
        item.byterange?.length,
        item.byterange?.offset,
        item.map?.uri,
        item.programDateTime,
      ]),
    );
    expect(own.segments.map((item) => item.parts?.length)).toEqual(other.segments.map((item) => item.parts?.length));
    expect(own.targetDuration).toBe(other.targetDuration);
    expect(own.endList ?? false).toBe(other.endList ?? false);
  });

  test.each(samples.multivariant.map((item) => [item.name, item.text] as const))("%s", (_, text) => {
    const own = parseMultivariantPlaylist(text);
    const other = byM3u8Parser(text);
    expect(
      own.variants.map((item) => [item.uri, item.bandwidth, item.codecs?.join(","), item.resolution, item.audio]),
    ).toEqual(
      other.playlists?.map(({ uri, attributes }) => [
        uri,
        attributes.BANDWIDTH,
        attributes.CODECS,
        attributes.RESOLUTION,
        attributes.AUDIO,
      ]),
    );
  });
});
