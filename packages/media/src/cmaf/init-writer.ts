/** Writes initialisation segments: `ftyp` + `moov` without samples (ISO 14496-12 §8.16.1, ISO 23000-19 §7.3.1). */

import { MediaError } from "../errors.ts";
import type { Track, VideoTrack } from "../track.ts";
import { BoxWriter } from "./box-writer.ts";
import { languageCode } from "./language.ts";
import { formatOf, putSampleEntry } from "./sample-entry-writer.ts";
import { NON_SYNC_SAMPLE, SYNC_SAMPLE } from "./sample-flags.ts";
import { videoPresentation } from "./video-presentation.ts";

/** What an initialisation segment announces. */
export interface InitSegmentOptions {
  /** One for a CMAF track; several make an ordinary fragmented MP4. */
  readonly tracks: readonly Track[];
}

/** No rotation, no scaling: 16.16 fixed point, the last column 2.30. */
const UNITY_MATRIX = [0x00010000, 0, 0, 0, 0x00010000, 0, 0, 0, 0x40000000];

/**
 * An initialisation segment: a CMAF header where there is one track.
 *
 * Sample entries are `avc1`, `hvc1`, `av01`, `mp4a` (AAC and MP3) and `Opus`, by the track's codec string. There are
 * no edit lists, because browsers ignore them in Media Source Extensions: what a source wants trimmed or delayed has
 * to be in its timestamps.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` without tracks, with two of one id, or a configuration that cannot be
 * written; `UNSUPPORTED` for a codec not named above.
 */
export function writeInitSegment({ tracks }: InitSegmentOptions): Uint8Array<ArrayBuffer> {
  check(tracks);
  const writer = new BoxWriter();
  putFileType(writer, tracks);
  writer.box("moov", () => {
    putMovieHeader(writer, tracks);
    for (const track of tracks) putTrack(writer, track);
    writer.box("mvex", () => {
      for (const track of tracks) putTrackExtends(writer, track);
    });
  });
  return writer.finish();
}

function check(tracks: readonly Track[]): void {
  if (tracks.length === 0) throw new MediaError("INVALID_ARGUMENT", "an init segment needs at least one track");
  const ids = new Set<number>();
  for (const track of tracks) {
    const { id, timescale } = track;
    if (id >>> 0 !== id || id === 0)
      throw new MediaError("INVALID_ARGUMENT", `track id ${id} is not an integer from 1 to 2^32 - 1`);
    if (timescale >>> 0 !== timescale || timescale === 0) {
      throw new MediaError(
        "INVALID_ARGUMENT",
        `timescale ${timescale} of track ${id} is not an integer from 1 to 2^32 - 1`,
      );
    }
    if (ids.has(id)) throw new MediaError("INVALID_ARGUMENT", `two tracks have the id ${id}`);
    ids.add(id);
    if (track.kind === "video" && !(isSide(track.width) && isSide(track.height))) {
      throw new MediaError(
        "INVALID_ARGUMENT",
        `track ${id} is ${track.width} by ${track.height} pixels; integers from 1 to 65535 are expected`,
      );
    }
  }
}

function isSide(pixels: number): boolean {
  return Number.isInteger(pixels) && pixels > 0 && pixels <= 0xffff;
}

function putFileType(writer: BoxWriter, tracks: readonly Track[]): void {
  writer.box("ftyp", () => {
    writer.latin1("iso6");
    writer.u32(0);
    writer.latin1("iso6");
    // ISO 23000-19 §7.2: only a single-track file is a CMAF header.
    if (tracks.length === 1) writer.latin1("cmfc");
    writer.latin1("dash");
    if (tracks.some((track) => formatOf(track) === "av01")) writer.latin1("av01");
  });
}

function putMovieHeader(writer: BoxWriter, tracks: readonly Track[]): void {
  writer.fullBox("mvhd", 0, 0, () => {
    writer.zeros(8); // creation and modification time: unknown, so that equal tracks give equal bytes
    writer.u32(1000);
    writer.u32(0); // duration: in the fragments
    writer.u32(0x00010000); // rate 1.0
    writer.u16(0x0100); // volume 1.0
    writer.zeros(10);
    for (const cell of UNITY_MATRIX) writer.u32(cell);
    writer.zeros(24);
    writer.u32(nextTrackId(tracks));
  });
}

function nextTrackId(tracks: readonly Track[]): number {
  let highest = 0;
  for (const { id } of tracks) highest = Math.max(highest, id);
  return Math.min(highest + 1, 0xffffffff);
}

function putTrack(writer: BoxWriter, track: Track): void {
  writer.box("trak", () => {
    putTrackHeader(writer, track);
    writer.box("mdia", () => {
      putMediaHeader(writer, track);
      putHandler(writer, track);
      writer.box("minf", () => {
        if (track.kind === "video") writer.fullBox("vmhd", 0, 1, () => writer.zeros(8));
        else writer.fullBox("smhd", 0, 0, () => writer.zeros(4));
        writer.box("dinf", () => {
          writer.fullBox("dref", 0, 0, () => {
            writer.u32(1);
            writer.fullBox("url ", 0, 1, () => {}); // flag 1: the media is in this file
          });
        });
        putSampleTable(writer, track);
      });
    });
  });
}

function putTrackHeader(writer: BoxWriter, track: Track): void {
  writer.fullBox("tkhd", 0, 3, () => {
    // flags: enabled, in movie
    writer.zeros(8);
    writer.u32(track.id);
    writer.zeros(4);
    writer.u32(0); // duration
    writer.zeros(8);
    writer.u16(0); // layer
    writer.u16(0); // alternate group
    writer.u16(track.kind === "audio" ? 0x0100 : 0);
    writer.zeros(2);
    for (const cell of UNITY_MATRIX) writer.u32(cell);
    writer.u32(track.kind === "video" ? displayWidth(track) : 0);
    writer.u32(track.kind === "video" ? track.height * 0x10000 : 0);
  });
}

/** 16.16 fixed point: the coded width as square pixels show it. */
function displayWidth(track: VideoTrack): number {
  const { width = 1, height = 1 } = videoPresentation(track).sampleAspectRatio ?? {};
  const scaled = Math.round((track.width * 0x10000 * width) / Math.max(height, 1));
  return scaled > 0 && scaled <= 0xffffffff ? scaled : track.width * 0x10000;
}

function putMediaHeader(writer: BoxWriter, track: Track): void {
  writer.fullBox("mdhd", 0, 0, () => {
    writer.zeros(8);
    writer.u32(track.timescale);
    writer.u32(0);
    writer.u16(languageCode(track.language));
    writer.u16(0);
  });
  // The three letters of mdhd hold a language; region and script need the whole tag (ISO 14496-12 §8.4.6).
  const { language } = track;
  if (language?.includes("-")) {
    writer.fullBox("elng", 0, 0, () => {
      writer.latin1(language);
      writer.u8(0);
    });
  }
}

function putHandler(writer: BoxWriter, track: Track): void {
  writer.fullBox("hdlr", 0, 0, () => {
    writer.u32(0);
    writer.latin1(track.kind === "video" ? "vide" : "soun");
    writer.zeros(12);
    writer.bytes(new TextEncoder().encode(track.name ?? (track.kind === "video" ? "VideoHandler" : "SoundHandler")));
    writer.u8(0);
  });
}

function putSampleTable(writer: BoxWriter, track: Track): void {
  writer.box("stbl", () => {
    writer.fullBox("stsd", 0, 0, () => {
      writer.u32(1);
      putSampleEntry(writer, track);
    });
    writer.fullBox("stts", 0, 0, () => writer.u32(0));
    writer.fullBox("stsc", 0, 0, () => writer.u32(0));
    writer.fullBox("stsz", 0, 0, () => writer.zeros(8));
    writer.fullBox("stco", 0, 0, () => writer.u32(0));
  });
}

function putTrackExtends(writer: BoxWriter, track: Track): void {
  writer.fullBox("trex", 0, 0, () => {
    writer.u32(track.id);
    writer.u32(1); // sample description
    writer.zeros(8); // durations and sizes are each fragment's own
    writer.u32(track.kind === "video" ? NON_SYNC_SAMPLE : SYNC_SAMPLE);
  });
}
