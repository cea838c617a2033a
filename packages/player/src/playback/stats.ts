/** The numbers of a player at one moment. */

import type { Engine, EngineName } from "../engine/engine.ts";
import { bufferAhead } from "./buffer.ts";
import type { PlayerState } from "./state.ts";

/** A snapshot; null = not known, or not applicable. */
export interface PlayerStats {
  readonly state: PlayerState;
  readonly engine: EngineName | null;
  /** Address that is playing. */
  readonly source: string | null;
  /** Seconds behind the live edge. */
  readonly latency: number | null;
  /** Seconds that `latency` is steered to: PART-HOLD-BACK, or the service description's target. */
  readonly targetLatency: number | null;
  /** Seconds between the wall clock of the picture (PROGRAM-DATE-TIME, availability time) and this machine's clock. Only as right as both clocks. */
  readonly wallClockLatency: number | null;
  /** Seconds buffered ahead of the play position. */
  readonly bufferAhead: number;
  /** Bits per second of the level on the screen, as announced. */
  readonly bitrate: number | null;
  /** Estimated throughput in bits per second. */
  readonly bandwidth: number | null;
  /** Index in `levels`; -1 = none yet. */
  readonly level: number;
  /** Pixels of the decoded picture; 0 before the first. */
  readonly width: number;
  readonly height: number;
  readonly droppedFrames: number;
  readonly totalFrames: number;
  /** Times that playback stood still although it should have moved. */
  readonly stalls: number;
  /** Seconds it stood still altogether. */
  readonly stallDuration: number;
  /** Seconds from the element's connection (or the last change of its sources) to the first frame on the screen. */
  readonly startupTime: number | null;
  readonly playbackRate: number;
  /**
   * Where each byte of media came from: URL origin of the edge (`https://edge1.example`) → bytes. A loader that fetches from
   * elsewhere reports under a name of its own.
   */
  readonly bytes: Readonly<Record<string, number>>;
}

/** What {@link measure} puts together. */
export interface Measured extends Pick<PlayerStats, "state" | "source" | "stalls" | "stallDuration" | "startupTime"> {
  readonly video: HTMLVideoElement;
  readonly engine: Engine | null;
  /** The last one, while there is none. */
  readonly engineName: EngineName | null;
  readonly live: boolean;
  readonly bytes: ReadonlyMap<string, number>;
}

/** Reads the clocks and counters of this moment. */
export function measure({ video, engine, engineName, live, bytes, ...rest }: Measured): PlayerStats {
  const { droppedVideoFrames, totalVideoFrames } = video.getVideoPlaybackQuality();
  const {
    latency = null,
    targetLatency = null,
    playingDate = null,
    bitrate = null,
    bandwidth = null,
  } = engine?.stats ?? {};
  return {
    ...rest,
    engine: engineName,
    latency,
    targetLatency,
    wallClockLatency: playingDate === null || !live ? null : (Date.now() - playingDate) / 1000,
    bufferAhead: bufferAhead(video),
    bitrate,
    bandwidth,
    level: engine?.currentLevel ?? -1,
    width: video.videoWidth,
    height: video.videoHeight,
    droppedFrames: droppedVideoFrames,
    totalFrames: totalVideoFrames,
    playbackRate: video.playbackRate,
    bytes: Object.fromEntries(bytes),
  };
}
