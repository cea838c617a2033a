/** The protocol version that a playlist needs (RFC 8216bis §8). */
import type { Key, MediaPlaylist, PlaylistBase } from "./media-playlist.ts";
import type { MultivariantPlaylist } from "./multivariant-playlist.ts";

/**
 * The lowest EXT-X-VERSION that allows what a Media Playlist uses.
 *
 * A playlist that offers delta updates counts as one that holds an EXT-X-SKIP, so that whole playlists and their updates have the same version.
 */
export function mediaPlaylistVersion(playlist: MediaPlaylist): number {
  const common = commonVersion(playlist);
  if (common >= 11) return common;
  const control = playlist.serverControl;
  if (playlist.skip?.recentlyRemovedDateRanges !== undefined || control?.canSkipDateRanges) return 10;
  if (playlist.skip !== undefined || control?.canSkipUntil !== undefined) return 9;
  if (common >= 8) return common;
  let version = playlist.iFramesOnly ? 4 : 1;
  for (const segment of playlist.segments) {
    if (segment.map !== undefined) {
      if (!playlist.iFramesOnly) return 6;
      version = Math.max(version, 5);
    }
    if (segment.keys !== undefined && segment.keys.length > 0) version = Math.max(version, keysVersion(segment.keys));
    if (segment.byteRange !== undefined) version = Math.max(version, 4);
    if (version < 3 && !Number.isInteger(segment.duration)) version = 3;
  }
  const open = playlist.openSegment;
  if (open?.map !== undefined) version = Math.max(version, playlist.iFramesOnly ? 5 : 6);
  if (open?.keys !== undefined) version = Math.max(version, keysVersion(open.keys));
  return version;
}

/** The lowest EXT-X-VERSION that allows what a Multivariant Playlist uses. */
export function multivariantPlaylistVersion(playlist: MultivariantPlaylist): number {
  let version = commonVersion(playlist);
  for (const rendition of playlist.renditions ?? []) {
    if (rendition.instreamId === undefined) continue;
    if (rendition.type !== "CLOSED-CAPTIONS") return 13;
    if (rendition.instreamId.startsWith("SERVICE")) version = Math.max(version, 7);
  }
  for (const variant of [...playlist.variants, ...(playlist.iFrameVariants ?? [])]) {
    if (variant.reqVideoLayout !== undefined) version = Math.max(version, 12);
  }
  return Math.max(version, keysVersion(playlist.sessionKeys ?? []));
}

function commonVersion(playlist: PlaylistBase): number {
  if (playlist.defines === undefined || playlist.defines.length === 0) return 1;
  return playlist.defines.some((define) => "queryParam" in define) ? 11 : 8;
}

function keysVersion(keys: readonly Key[]): number {
  let version = 1;
  for (const key of keys) {
    if (key.method.startsWith("SAMPLE-AES") || key.keyFormat !== undefined || key.keyFormatVersions !== undefined)
      return 5;
    if (key.iv !== undefined) version = 2;
  }
  return version;
}
