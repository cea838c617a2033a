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

/** Follows a media playlist by blocking reloads until it satisfies `enough`. Yields every version in between. */
export async function* follow(url: string, signal: AbortSignal): AsyncGenerator<FetchedPlaylist> {
  let next = url;
  for (;;) {
    const text = await untilFound(next, signal);
    const playlist = parsePlaylist(text);
    if (playlist.type !== "media") throw new Error(`${url} is a ${playlist.type} playlist`);
    yield { url, text, playlist };
    const last = playlist.mediaSequence + playlist.segments.length;
    const reload = new URL(url);
    reload.searchParams.set("_HLS_msn", String(last));
    next = reload.href;
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
