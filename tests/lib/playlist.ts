/** Follows live playlists over HTTP as a player does. */

import { type MediaPlaylist, type MultivariantPlaylist, parsePlaylist } from "@ami-streams/media";

/** A media playlist with where it came from. */
export interface FetchedPlaylist {
  readonly url: string;
  readonly text: string;
  readonly playlist: MediaPlaylist;
}

/** Reads a multivariant playlist, asking again until the stream is there. */
export async function multivariant(
  url: string,
  signal: AbortSignal,
): Promise<{ text: string; playlist: MultivariantPlaylist }> {
  const text = await untilFound(url, signal);
  const playlist = parsePlaylist(text);
  if (playlist.type !== "multivariant") throw new Error(`${url} is a ${playlist.type} playlist`);
  return { text, playlist };
}

/** How {@link follow} reloads. */
export interface FollowOptions {
  /** Ask for every part, not only for whole segments. Default true. */
  readonly parts?: boolean;
  /** Ask for every other version as a delta update. Default false. */
  readonly delta?: boolean;
}

/** Follows a media playlist by blocking reloads, and yields every version, for as long as it is asked for more. */
export async function* follow(
  url: string,
  signal: AbortSignal,
  { parts = true, delta = false }: FollowOptions = {},
): AsyncGenerator<FetchedPlaylist> {
  let next = url;
  for (let count = 1; ; count++) {
    const text = await untilFound(next, signal);
    const playlist = parsePlaylist(text);
    if (playlist.type !== "media") throw new Error(`${url} is a ${playlist.type} playlist`);
    yield { url, text, playlist };
    const reload = new URL(url);
    const skipped = playlist.skip?.skippedSegments ?? 0;
    reload.searchParams.set("_HLS_msn", String(playlist.mediaSequence + skipped + playlist.segments.length));
    if (parts) reload.searchParams.set("_HLS_part", String(playlist.openSegment?.parts.length ?? 0));
    if (delta && count % 2 === 1) reload.searchParams.set("_HLS_skip", "YES");
    next = reload.href;
  }
}

/** Resolves when a stream's first rendition lists media of so many publisher sessions. */
export async function sessionsOf(url: string, sessions: number, signal: AbortSignal): Promise<void> {
  const { playlist } = await multivariant(url, signal);
  for await (const { playlist: media } of follow(new URL(playlist.variants[0]!.uri, url).href, signal)) {
    const begun = media.segments.filter(({ discontinuity }) => discontinuity).length;
    const beginning = media.openSegment?.discontinuity && media.openSegment.parts.length > 0 ? 1 : 0;
    if ((media.discontinuitySequence ?? 0) + begun + beginning >= sessions - 1) return;
  }
}

async function untilFound(url: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    const response = await fetch(url, { signal });
    const text = await response.text();
    if (response.ok) return text;
    if (response.status !== 404 && response.status !== 503) throw new Error(`${url}: HTTP ${response.status} ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
