/**
 * How long what belongs to a live stream may be kept, where its fields allow more or say nothing.
 *
 * A playlist at the live edge is out of date after a part; a segment that is missing there will exist after one. Fields with whole seconds
 * cannot say so. Pure decisions; {@link LiveStreams} remembers what playlists said.
 *
 * | answer                             | kept at most                                              |
 * | ---------------------------------- | --------------------------------------------------------- |
 * | live Media Playlist                | half a part; without parts a twelfth of TARGETDURATION    |
 * | live MPD                           | half of minimumUpdatePeriod                               |
 * | blocking reload (`_HLS_msn`)       | as its fields say: its URL names its state                |
 * | ended, static, multivariant        | as its fields say                                         |
 * | 404, 410 just ahead of the edge    | as a playlist of its stream                               |
 * | any other                          | as its fields say, or the cache's negative TTL            |
 */

import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { fieldOf } from "../../http/fields.ts";
import type { Freshness } from "../freshness/freshness.ts";
import { type HlsFacts, scanHls } from "./hls-scan.ts";
import type { LiveStream } from "./live-streams.ts";
import { type MpdFacts, scanMpd } from "./mpd-scan.ts";

/** Seconds that a playlist is kept of which nothing is known yet: half a part of 200 ms. */
export const DEFAULT_LIVE_LIFETIME = 0.1;
/** Seconds. Less is no cache, more is no live edge, whatever a playlist says. */
const MIN_LIFETIME = 0.05;
const MAX_LIFETIME = 5;
/** A playlist without parts is kept for a twelfth of its target duration: half a second where segments have six. */
const TARGET_SHARE = 1 / 12;
/** A playlist larger than this when it is unpacked is not looked at. */
const MAX_UNPACKED_BYTES = 4 * 1024 * 1024;

/** What an answer is, as far as caching at the live edge goes. */
type LiveKind =
  /** A Media Playlist that will change. */
  | "live-playlist"
  /** The answer to a blocking reload (RFC 8216bis §6.2.5.2). */
  | "reload"
  /** A Media Playlist that will not change any more. */
  | "ended-playlist"
  | "multivariant"
  | "live-mpd"
  | "static-mpd"
  /** A playlist or MPD whose body is not here yet. */
  | "unread"
  /** Missing where it will be in a moment. */
  | "ahead"
  | "other";

/** What becomes of an answer. Seconds. */
export interface LiveRules {
  readonly kind: LiveKind;
  /** Lifetime where the fields name none or a longer one. Absent: as the fields say. */
  readonly maxLifetime?: number;
  /** The same for a 404 or 410. */
  readonly negativeTtl?: number;
}

/** An answer of an upstream. */
export interface LiveAnswer {
  /** Canonical target, as the cache key writes it. */
  readonly target: string;
  readonly status: number;
  readonly headers: readonly string[];
  /** What the body was read as, once it is whole. */
  readonly read?: PlaylistFacts | undefined;
  /** What is known of the stream that the target belongs to, see {@link LiveStreams}. */
  readonly stream?: LiveStream | undefined;
}

/** A playlist, or an MPD. */
export type PlaylistFacts =
  | { readonly format: "hls"; readonly hls: HlsFacts }
  | { readonly format: "dash"; readonly mpd: MpdFacts };

/** Rules for one answer: at its head without `read`, and again with it when the body is whole. */
export function liveRulesFor({ target, status, headers, read, stream }: LiveAnswer): LiveRules {
  if (status === 404 || status === 410) {
    if (stream === undefined || !stream.isAhead(target)) return { kind: "other" };
    return { kind: "ahead", negativeTtl: stream.lifetime };
  }
  if (status !== 200 || !isPlaylist(target, headers)) return { kind: "other" };
  if (read === undefined) {
    if (isReload(target)) return { kind: "reload" };
    return { kind: "unread", maxLifetime: stream?.lifetime ?? DEFAULT_LIVE_LIFETIME };
  }
  if (read.format === "dash") {
    const maxLifetime = lifetimeOf(read);
    return maxLifetime === undefined ? { kind: "static-mpd" } : { kind: "live-mpd", maxLifetime };
  }
  if (read.hls.kind === "multivariant") return { kind: "multivariant" };
  const maxLifetime = lifetimeOf(read);
  if (maxLifetime === undefined) return { kind: "ended-playlist" };
  return isReload(target) ? { kind: "reload" } : { kind: "live-playlist", maxLifetime };
}

/**
 * A response's freshness under the rules.
 *
 * @param named - whether its fields name a lifetime. Zero counts: `no-cache` and `max-age=0` stay what they are.
 */
export function underLiveRules<Kept extends Pick<Freshness, "lifetime">>(
  freshness: Kept,
  rules: LiveRules,
  named: boolean,
): Kept {
  const most = rules.maxLifetime ?? rules.negativeTtl;
  if (most === undefined || (named && freshness.lifetime <= most)) return freshness;
  return { ...freshness, lifetime: most };
}

/** Seconds that a playlist may be kept; undefined for one that does not move. */
export function lifetimeOf(read: PlaylistFacts): number | undefined {
  if (read.format === "dash") {
    const { live, minimumUpdatePeriod, maxSegmentDuration } = read.mpd;
    if (!live) return undefined;
    if (minimumUpdatePeriod !== undefined) return bounded(minimumUpdatePeriod / 2);
    // It says of itself that it does not change; what it is replaced with comes at the end of the stream.
    return bounded(maxSegmentDuration ?? MAX_LIFETIME);
  }
  const { kind, ended, partTarget, targetDuration } = read.hls;
  if (kind === "multivariant" || ended) return undefined;
  if (partTarget !== undefined) return bounded(partTarget / 2);
  return targetDuration === undefined ? DEFAULT_LIVE_LIFETIME : bounded(targetDuration * TARGET_SHARE);
}

function bounded(seconds: number): number {
  return Math.min(MAX_LIFETIME, Math.max(MIN_LIFETIME, seconds));
}

const RELOAD = /[?&]_HLS_msn=/;

function isReload(target: string): boolean {
  return RELOAD.test(target);
}

const PLAYLIST_TYPE =
  /^\s*(?:application\/(?:vnd\.apple\.mpegurl|x-mpegurl|dash\+xml)|audio\/(?:x-)?mpegurl)\s*(?:;|$)/i;
/** Types that say nothing: stores give them to what they do not know. */
const VAGUE_TYPE =
  /^\s*(?:text\/plain|application\/octet-stream|binary\/octet-stream|application\/xml|text\/xml)\s*(?:;|$)/i;
const PLAYLIST_NAME = /\.(?:m3u8?|mpd)$/i;

/** Whether an answer is a playlist or an MPD, by its type, or its name where the type says nothing. */
export function isPlaylist(target: string, headers: readonly string[]): boolean {
  const type = fieldOf(headers, "content-type");
  if (type !== undefined && PLAYLIST_TYPE.test(type)) return true;
  if (type !== undefined && !VAGUE_TYPE.test(type)) return false;
  const question = target.indexOf("?");
  return PLAYLIST_NAME.test(question === -1 ? target : target.slice(0, question));
}

/** Reads a whole body; undefined where it is no playlist, or in a coding that cannot be undone. */
export function readPlaylist(target: string, headers: readonly string[], body: Uint8Array): PlaylistFacts | undefined {
  if (!isPlaylist(target, headers)) return undefined;
  const plain = unpacked(body, fieldOf(headers, "content-encoding"));
  if (plain === undefined) return undefined;
  const hls = scanHls(plain);
  if (hls !== undefined) return { format: "hls", hls };
  const mpd = scanMpd(plain);
  return mpd === undefined ? undefined : { format: "dash", mpd };
}

function unpacked(body: Uint8Array, coding: string | undefined): Uint8Array | undefined {
  const limit = { maxOutputLength: MAX_UNPACKED_BYTES };
  try {
    switch (coding?.trim().toLowerCase()) {
      case undefined:
      case "":
      case "identity":
        return body;
      case "gzip":
      case "x-gzip":
        return gunzipSync(body, limit);
      case "br":
        return brotliDecompressSync(body, limit);
      case "deflate":
        return inflateSync(body, limit);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}
