/** Reads a playlist of either kind. */
import { documentError } from "../document-error.ts";
import type { MediaPlaylist } from "./media-playlist.ts";
import type { MultivariantPlaylist } from "./multivariant-playlist.ts";
import { parseMediaPlaylist } from "./parse-media-playlist.ts";
import { parseMultivariantPlaylist } from "./parse-multivariant-playlist.ts";
import { MEDIA_TAGS, MULTIVARIANT_TAGS, PlaylistLines, tagName } from "./playlist-lines.ts";
import type { ParsePlaylistOptions } from "./variables.ts";

/**
 * Reads a playlist: `type` of the result says which kind it is.
 *
 * @throws {MediaError} as {@link parseMediaPlaylist} and {@link parseMultivariantPlaylist} do; `MALFORMED` too when no tag tells which kind it is.
 */
export function parsePlaylist(text: string, options: ParsePlaylistOptions = {}): MediaPlaylist | MultivariantPlaylist {
  const lines = new PlaylistLines(text);
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const name = tagName(line);
    if (MEDIA_TAGS.has(name)) return parseMediaPlaylist(text, options);
    if (MULTIVARIANT_TAGS.has(name)) return parseMultivariantPlaylist(text, options);
  }
  throw documentError(
    "MALFORMED",
    Math.max(lines.number, 1),
    "neither a Media nor a Multivariant Playlist: no tag of either is here",
  );
}
