/** What a playback is made of, and what it tells. */

import type { EngineName, Level } from "../engine/engine.ts";
import type { PlayerError } from "../error.ts";
import type { Source } from "../source/source.ts";
import type { PlayerState } from "./state.ts";

/** What a playback tells its owner. */
export interface PlaybackHost {
  onState(state: PlayerState): void;
  onLevels(levels: readonly Level[]): void;
  onLevelChange(level: number): void;
  onSourceChange(source: Source, previous: Source, reason: PlayerError | null): void;
  /** `fatal`: nothing more will be tried. */
  onError(error: PlayerError, fatal: boolean): void;
  /** Playback goes on after `error`, `seconds` later. */
  onRecovered(error: PlayerError, seconds: number): void;
  /** The browser refused sound without a gesture, so it was muted. */
  onAutoplayMuted(): void;
  /** The picture is about to go away for a moment: keep what is on the screen. */
  onPictureLost(): void;
  /** The first frame of a load is on the screen. */
  onPicture(): void;
}

/** Options of a playback. */
export interface PlaybackOptions {
  readonly video: HTMLVideoElement;
  /** At least one. */
  readonly sources: readonly Source[];
  readonly engine: EngineName | "auto";
  readonly lowLatency: boolean;
  readonly startLevel: number;
  /** Start playing as soon as there is something to play. */
  readonly autoplay: boolean;
  /** `performance.now()` of the moment that start-up time is counted from. */
  readonly startedAt: number;
  readonly host: PlaybackHost;
}
