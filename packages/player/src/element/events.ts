/** The events of `<ami-player>`. */

import type { Level } from "../engine/engine.ts";
import type { PlayerError } from "../error.ts";
import type { PlayerState } from "../playback/state.ts";
import type { PlayerStats } from "../playback/stats.ts";

/**
 * Every event and its detail. None of them bubbles, as with those of `<video>`.
 *
 * ```ts
 * player.addEventListener("ami-latency", ({ detail }) => console.log(detail.latency));
 * ```
 */
export interface AmiPlayerEventMap {
  /** The player does something else now. */
  "ami-state": CustomEvent<{ readonly state: PlayerState; readonly previous: PlayerState }>;
  /** Something failed. `fatal`: nothing more is tried; otherwise the player is already busy mending it. */
  "ami-error": CustomEvent<{ readonly error: PlayerError; readonly fatal: boolean }>;
  /** Playback goes on after an error, `seconds` later. */
  "ami-recovered": CustomEvent<{ readonly error: PlayerError; readonly seconds: number }>;
  /** Another address is played. `reason` is null when that was chosen, or found while waiting. */
  "ami-source-change": CustomEvent<{
    readonly source: string;
    readonly previous: string;
    readonly reason: PlayerError | null;
  }>;
  /** The qualities on offer changed. */
  "ami-levels": CustomEvent<{ readonly levels: readonly Level[] }>;
  /** Another quality is on the screen. */
  "ami-level-change": CustomEvent<{ readonly level: number; readonly description: Level | null }>;
  /** Once a second while live: seconds behind the live edge, and what they are steered to. */
  "ami-latency": CustomEvent<{ readonly latency: number; readonly targetLatency: number | null }>;
  /** Once a second while there is something to measure. */
  "ami-stats": CustomEvent<PlayerStats>;
  /** The browser refused to start with sound; playback goes on muted. */
  "ami-autoplay-muted": CustomEvent<null>;
}
