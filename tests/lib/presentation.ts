/** Loads a live presentation as players do, over several reloads, and has everything in it judged. */

import {
  type AuthoringMedia,
  checkAuthoring,
  checkMpd,
  formatViolations,
  type MediaPlaylist,
  type Mpd,
  parseMpd,
} from "@ami-streams/media";
import * as hlsParser from "hls-parser";
import { Parser as M3u8Parser } from "m3u8-parser";
import { createFile, type ISOFile, MP4BoxBuffer } from "mp4box";
import { parse as parseWithMpdParser } from "mpd-parser";
import { expect } from "vitest";
import { follow, multivariant } from "./playlist.ts";

// It warns on standard error of parts that are listed as long as RFC 8216bis §4.4.4.9 lets them: it counts segments, not seconds.
hlsParser.setOptions({ silent: true });

/** Whole segments of each rendition that are waited for. */
const wantedSegments = 3;
/** Loads of the MPD. */
const wantedMpds = 3;

/**
 * Follows every rendition of an HLS presentation through blocking reloads, part by part and as delta updates, until it has a few whole segments; then
 * judges the playlists, each alone, over time and side by side, by our strict validator and two parsers of others, and the segments by MP4Box.
 */
export async function judgeHls(url: string, signal: AbortSignal): Promise<void> {
  const first = await multivariant(url, signal);
  const uris = [...first.playlist.variants, ...(first.playlist.renditions ?? [])].map(({ uri }) => uri);
  const media = await Promise.all(
    [...new Set(uris)].filter((uri) => uri !== undefined).map((uri) => judgeMedia(uri, new URL(uri, url).href, signal)),
  );
  // Its BANDWIDTH is what was measured up to now.
  const last = await multivariant(url, signal);
  expect(formatViolations(checkAuthoring({ multivariant: last.playlist, media }))).toBe("no violations\n");
  expect(hlsParser.parse(last.text).isMasterPlaylist).toBe(true);
}

async function judgeMedia(uri: string, url: string, signal: AbortSignal): Promise<AuthoringMedia> {
  const loads: MediaPlaylist[] = [];
  let whole: MediaPlaylist | undefined;
  for await (const { text, playlist } of follow(url, signal, { delta: true })) {
    loads.push(playlist);
    if (playlist.skip !== undefined) continue;
    judgeText(text, playlist);
    whole = playlist;
    if (playlist.segments.length >= wantedSegments) break;
  }
  if (whole === undefined) throw new Error(`${url} was never whole`);
  const { bytes, seconds } = await load(url, whole, signal);
  const listed = whole.segments.reduce((sum, segment) => sum + segment.duration, 0);
  expect(seconds).toBeCloseTo(listed, 2);
  return { uri, playlist: whole, earlier: loads.slice(0, -1), segmentBytes: bytes };
}

/** Two parsers of others read the same segments. */
function judgeText(text: string, playlist: MediaPlaylist): void {
  const durations = playlist.segments.map(({ duration }) => duration);
  const other = hlsParser.parse(text);
  if (other.isMasterPlaylist) throw new Error("hls-parser takes this for a multivariant playlist");
  const read = (other as hlsParser.types.MediaPlaylist).segments.filter(({ uri }) => uri !== "");
  expect(read.map(({ duration }) => duration)).toEqual(durations);
  const third = new M3u8Parser();
  third.push(text);
  third.end();
  // It lists the segment that is not whole yet too.
  expect(third.manifest.segments.slice(0, durations.length).map(({ duration }) => duration)).toEqual(durations);
}

/** Fetches what a playlist lists. `seconds` is how long it lasts as MP4Box reads it. */
async function load(url: string, playlist: MediaPlaylist, signal: AbortSignal) {
  const get = async (uri: string) => {
    const response = await fetch(new URL(uri, url), { signal });
    expect({ uri, status: response.status }).toEqual({ uri, status: 200 });
    return response.arrayBuffer();
  };
  const file = createFile();
  file.onError = (module, message) => {
    throw new Error(`MP4Box, ${module}: ${message}`);
  };
  const bytes: Record<string, number> = {};
  let offset = 0;
  const append = (data: ArrayBuffer) => {
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(data, offset));
    offset += data.byteLength;
  };
  append(await get(playlist.segments[0]!.map!.uri));
  for (const segment of playlist.segments) {
    const data = await get(segment.uri);
    bytes[segment.uri] = data.byteLength;
    append(data);
  }
  file.flush();
  const { tracks } = file.getInfo();
  expect(tracks).toHaveLength(1);
  return { bytes, seconds: span(file.moofs ?? []) / tracks[0]!.timescale };
}

/** Ticks from the first fragment's start to the last one's end. None overlaps the one before; a late frame may leave a hole. */
function span(fragments: NonNullable<ISOFile["moofs"]>): number {
  let start: number | undefined;
  let end = 0;
  for (const { trafs } of fragments) {
    expect(trafs).toHaveLength(1);
    const { tfhd, tfdt, truns } = trafs[0]!;
    const time = Number(tfdt.baseMediaDecodeTime);
    start ??= time;
    expect(time).toBeGreaterThanOrEqual(end);
    end = time;
    for (const { sample_count, sample_duration } of truns) {
      for (let i = 0; i < sample_count; i++) end += sample_duration[i] ?? tfhd.default_sample_duration;
    }
  }
  return end - (start ?? 0);
}

/** Loads an MPD a few times and judges it, alone and over time, by our validator and by mpd-parser. */
export async function judgeDash(url: string, signal: AbortSignal): Promise<void> {
  const loads: Mpd[] = [];
  while (loads.length < wantedMpds) {
    const response = await fetch(url, { signal });
    const text = await response.text();
    const mpd = parseMpd(text);
    if (loads.at(-1)?.publishTime === mpd.publishTime) continue;
    expect(checkMpd(mpd, loads)).toEqual([]);
    loads.push(mpd);
    const { playlists, mediaGroups } = parseWithMpdParser(text, { manifestUri: url });
    const sound = Object.values(mediaGroups.AUDIO.audio ?? {}).flatMap((group) => group.playlists ?? []);
    for (const { segments } of [...playlists, ...sound]) expect(segments.length).toBeGreaterThan(0);
    expect(playlists.length + sound.length).toBeGreaterThan(0);
  }
}
