/** For tests: every playlist and MPD that a test saw, judged by Apple's authoring rules and those of DASH at its end. */

import {
  type AuthoringMedia,
  checkAuthoring,
  checkMpd,
  formatViolations,
  type MediaPlaylist,
  type Mpd,
  parseMpd,
  parsePlaylist,
  type Violation,
} from "@ami-streams/media";

/** Collects playlists by URL path; loads of one path are judged one after the other. */
export class PlaylistJudge {
  readonly #loads = new Map<string, MediaPlaylist[]>();
  readonly #mpds: Mpd[] = [];
  readonly #violations: Violation[] = [];

  /** @param path - e.g. `/720p/index.m3u8?_HLS_msn=7`. */
  see(path: string, text: string): void {
    if (path.endsWith(".mpd")) {
      this.#mpds.push(parseMpd(text));
      return;
    }
    const playlist = parsePlaylist(text);
    if (playlist.type === "multivariant") {
      this.#violations.push(...checkAuthoring(playlist));
      return;
    }
    const [key = ""] = path.split("?");
    const loads = this.#loads.get(key) ?? [];
    this.#loads.set(key, [...loads, playlist]);
  }

  /** Judges a whole presentation, fetched now. */
  async seeAll(fetch: (path: string) => Promise<Response>, file: string): Promise<void> {
    const text = async (path: string) => (await fetch(path)).text();
    const multivariant = parsePlaylist(await text(`/${file}`));
    if (multivariant.type !== "multivariant") throw new Error(`/${file} is no multivariant playlist`);
    const uris = new Set([...multivariant.variants, ...(multivariant.renditions ?? [])].map(({ uri }) => uri!));
    const media: AuthoringMedia[] = [];
    for (const uri of uris) {
      const playlist = parsePlaylist(await text(`/${uri}`));
      if (playlist.type !== "media") throw new Error(`/${uri} is no media playlist`);
      const segmentBytes: Record<string, number> = {};
      for (const segment of playlist.segments) {
        if (segment.gap) continue;
        const head = await fetch(`/${uri.replace(/[^/]*$/, segment.uri)}`);
        segmentBytes[segment.uri] = (await head.arrayBuffer()).byteLength;
      }
      media.push({ uri, playlist, segmentBytes });
    }
    this.#violations.push(...checkAuthoring({ multivariant, media }));
  }

  /** @throws Error that lists what is broken, but for the rules named. */
  verdict(allowed: readonly string[] = []): void {
    for (const [uri, loads] of this.#loads) {
      const playlist = loads.at(-1)!;
      this.#violations.push(...checkAuthoring({ uri, playlist, earlier: loads.slice(0, -1) }));
    }
    const mpd = this.#mpds.at(-1);
    for (const violation of mpd === undefined ? [] : checkMpd(mpd, this.#mpds.slice(0, -1))) {
      this.#violations.push({ document: "mpd", ...violation });
    }
    const broken = this.#violations.filter(({ rule }) => !allowed.includes(rule));
    if (broken.length > 0) throw new Error(formatViolations(broken));
  }
}
