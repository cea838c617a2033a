/** For tests: a packager at a made clock, fed in real time of that clock. */

import type { Packet, Track } from "@ami-streams/media";
import { createPackager, type Packager, type PackagerOptions, type PackagerSource } from "../packager.ts";
import { MadeClock, MadeFeed } from "./made-feed.ts";
import { interleave, madeAudioTrack, madePackets, madeVideoTrack } from "./made-packets.ts";
import { PlaylistJudge } from "./playlist-judge.ts";

export const NOON = Date.UTC(2026, 0, 1, 12);

/** What the scene's publisher sends. */
export interface SceneTrack {
  readonly track: Track;
  /** Ticks. */
  readonly duration: number;
  readonly gop: number;
  readonly size: number;
}

export const video25: SceneTrack = { track: madeVideoTrack(), duration: 3600, gop: 50, size: 2000 };
export const audio48: SceneTrack = { track: madeAudioTrack(), duration: 1024, gop: 1, size: 200 };

/** One publisher session after the other into one packager. */
export class LiveScene implements AsyncDisposable {
  readonly clock = new MadeClock(NOON);
  readonly packager: Packager;
  /** Rules that the scene breaks on purpose. */
  allowed: readonly string[] = [];
  readonly #judge = new PlaylistJudge();
  #feed: MadeFeed | undefined;
  #tracks: readonly SceneTrack[] = [];
  #sent: number[] = [];
  #ended: Promise<void> | undefined;

  constructor(options: PackagerOptions = {}) {
    this.packager = createPackager({ prefix: "s", clock: this.clock, ...options });
  }

  /** A publisher begins; its tracks are new objects every time. */
  publish(tracks: readonly SceneTrack[], name = "720p"): void {
    this.#tracks = tracks.map((scene) => ({ ...scene, track: { ...scene.track } }));
    this.#sent = tracks.map(() => 0);
    this.#feed = new MadeFeed(
      name,
      this.#tracks.map(({ track }) => track),
    );
    this.#ended = this.packager.package([this.#feed]);
  }

  /** Lets the publisher send all that falls into the next seconds, and the clock follow. */
  async send(seconds: number): Promise<void> {
    const from = this.clock.now();
    const lists = this.#tracks.map(({ track, duration, gop, size }, index) => {
      const before = this.#sent[index]!;
      const end = Math.round(((this.#elapsed + seconds) * track.timescale) / duration - 1e-6);
      this.#sent[index] = end;
      return madePackets({ track, count: end, duration, gop, size, receivedAt: from - this.#elapsed * 1000 }).slice(
        before,
      );
    });
    this.#elapsed += seconds;
    await this.#feed!.push(interleave(...lists));
    this.clock.advance(seconds * 1000);
  }

  #elapsed = 0;

  /** The publisher leaves. */
  async leave(): Promise<void> {
    this.#feed!.end();
    await this.#ended;
    this.#elapsed = 0;
  }

  /** Whatever playlist comes is remembered for the judge. */
  async get(path: string, init?: RequestInit): Promise<Response> {
    const response = await this.#fetch(path, init);
    if (response.status === 200 && /\.(m3u8|mpd)/.test(path) && init?.method === undefined) {
      this.#judge.see(path, await response.clone().text());
    }
    return response;
  }

  async text(path: string): Promise<string> {
    const response = await this.get(path);
    if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
    return response.text();
  }

  /** Ends the stream; fails when any playlist of the test broke an authoring rule. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#disposed && this.packager.stats.segments > 0) {
      this.#disposed = true;
      const fetch = (path: string) => this.#fetch(path);
      await this.#judge.seeAll(fetch, "index.m3u8");
      await this.#judge.seeAll(fetch, "hls.m3u8");
      this.#judge.see("/index.mpd", await (await fetch("/index.mpd")).text());
    }
    await this.packager.close();
    this.#judge.verdict(this.allowed);
  }

  #disposed = false;

  #fetch(path: string, init?: RequestInit): Promise<Response> {
    return this.packager.handle(new Request(`http://stream${path}`, init));
  }
}

/** Whether a promise is still open after everything that could happen has happened. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol();
  const turn = new Promise((resolve) => setImmediate(() => resolve(open)));
  return (await Promise.race([promise, turn])) === open;
}

/** A source that gives what it has, then ends. */
export function sourceOf(name: string, packets: readonly Packet[]): PackagerSource {
  return {
    name,
    tracks: [...new Set(packets.map((packet) => packet.track))],
    async *packets() {
      yield* packets;
    },
  };
}
