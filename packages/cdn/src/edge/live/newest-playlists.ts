/** The newest playlist at hand, for a client that asks for an older one by blocking reload (RFC 8216bis §6.2.5.2). No I/O, no clock. */

import { BoundedMemory } from "../cache-key/bounded-memory.ts";

/** Milliseconds for which a playlist counts as the newest: at the live edge the next one comes sooner. */
const NEWEST_FOR = 2000;

/** Directives as the cache key has them: last, in this order. */
const RELOAD = /^(.*[?&])_HLS_msn=(\d{1,15})(?:&_HLS_part=(\d{1,15}))?((?:&_HLS_skip=.*)?)$/;

interface Reload {
  /** All but what it asks for: the rendition, and whether a delta will do. */
  readonly playlist: string;
  readonly msn: number;
  /** Infinite where the whole segment is asked for. */
  readonly part: number;
}

/**
 * A blocking reload asks for a playlist that has *at least* the given segment and part. Its answer may be cached for long, and a player that
 * fell behind would be led through every playlist that there was, one part at a time, and never catch up where it reloads once per part.
 */
export class NewestPlaylists {
  readonly #newest = new BoundedMemory<Reload & { readonly key: string; readonly at: number }>();

  /** Key of a newer playlist that answers `key` as well. */
  newerThan(key: string, now: number): string | undefined {
    const asked = readReload(key);
    if (asked === undefined) return undefined;
    const newest = this.#newest.get(asked.playlist);
    if (newest === undefined || now - newest.at > NEWEST_FOR || !isAfter(newest, asked)) return undefined;
    return newest.key;
  }

  /** A playlist came. */
  note(key: string, now: number): void {
    const reload = readReload(key);
    if (reload === undefined) return;
    const newest = this.#newest.get(reload.playlist);
    if (newest !== undefined && now - newest.at <= NEWEST_FOR && !isAfter(reload, newest)) return;
    this.#newest.set(reload.playlist, { ...reload, key, at: now });
  }
}

function readReload(key: string): Reload | undefined {
  if (!key.includes("_HLS_msn=")) return undefined;
  const [, path, msn, part, skip] = RELOAD.exec(key) ?? [];
  if (path === undefined) return undefined;
  return {
    playlist: path + skip,
    msn: Number(msn),
    part: part === undefined ? Number.POSITIVE_INFINITY : Number(part),
  };
}

function isAfter(one: Reload, other: Reload): boolean {
  return one.msn > other.msn || (one.msn === other.msn && one.part > other.part);
}
