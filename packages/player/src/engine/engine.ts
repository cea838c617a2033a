/** The contract between the player and whatever fetches and appends media. */

/** The engines there are. */
export type EngineName = "hls" | "dash" | "native";

/** One quality of the video. */
export interface Level {
  /** Position in {@link Engine.levels}, which ascend by bitrate. */
  readonly index: number;
  /** Pixels; 0 when the manifest does not say. */
  readonly width: number;
  readonly height: number;
  /** Bits per second as the manifest announces. */
  readonly bitrate: number;
  /** RFC 6381 codec strings, comma-separated; "" when unknown. */
  readonly codecs: string;
}

/** Where to start. */
export type StartPosition =
  /** The live edge, or the beginning of what is on demand. */
  | { readonly at: "default" }
  /** Media time in seconds (on demand). */
  | { readonly at: "time"; readonly time: number }
  /** Seconds behind the target position of a live stream: a viewer who was looking back. */
  | { readonly at: "behind-live"; readonly distance: number };

/** Why an engine cannot go on. */
export interface EngineFailure {
  /** `absent`: the server answered that there is no such stream (404, 410). */
  readonly kind: "network" | "absent" | "media" | "unsupported";
  readonly message: string;
  /** HTTP status, where there was one. */
  readonly status?: number;
  readonly cause?: unknown;
}

/** What an engine tells. All calls come between `load` and `destroy`. */
export interface EngineHost {
  /** The manifest was read, or a later one offers other levels. */
  onLevels(levels: readonly Level[]): void;
  /** Another level is on the screen, or about to be. */
  onLevelChange(index: number): void;
  /** It cannot go on by itself; the engine's own retries are used up. */
  onFailure(failure: EngineFailure): void;
  /** The media source grew: `from` is the URL the bytes came from, or another name that a loader gives (`p2p`). */
  onBytes(from: string, bytes: number): void;
  /** A live stream announced its end (ENDLIST, a static MPD). */
  onStreamEnd(): void;
}

/** Numbers an engine knows and a `<video>` does not. Seconds and bits per second; null = not known (yet). */
export interface EngineStats {
  /** Behind the live edge of the manifest. */
  readonly latency: number | null;
  /** What `latency` is steered to. */
  readonly targetLatency: number | null;
  /** Wall clock of the picture on the screen (PROGRAM-DATE-TIME, availability start), milliseconds since 1970. */
  readonly playingDate: number | null;
  /** Bitrate of the level on the screen. */
  readonly bitrate: number | null;
  /** Estimated throughput. */
  readonly bandwidth: number | null;
}

/** Options of an engine. */
export interface EngineOptions {
  readonly host: EngineHost;
  readonly lowLatency: boolean;
  /** Index of the level to start with; -1 = by estimated throughput. */
  readonly startLevel: number;
  /** Fastest that an engine which steers the rate of live streams may play. */
  readonly maxLiveRate: number;
  /** Leave hopeless requests early, since another source stands by. */
  readonly impatient: boolean;
}

/**
 * Plays one URL on one `<video>`. Made for one attempt: after a failure it is destroyed and another is made.
 *
 * Its own retries are short: which source to try next, and when, is the player's decision.
 */
export interface Engine {
  readonly name: EngineName;
  /** Takes the element over. Called once, before {@link load}. */
  attach(video: HTMLVideoElement): void;
  load(url: string, start: StartPosition): void;
  readonly levels: readonly Level[];
  /** The level on the screen; -1 before the first. */
  readonly currentLevel: number;
  /** Pinned level; -1 = automatic. Setting it switches without emptying what is buffered at the play position. */
  level: number;
  /** Whether the stream goes on. False before the manifest is read. */
  readonly live: boolean;
  /** Media time of the target position of a live stream; null when there is none. */
  readonly livePosition: number | null;
  /** Does the engine keep live streams near the edge by itself, by rate and jumps? */
  readonly steersRate: boolean;
  /** Such an engine does so only while it may: not with a viewer who looks back. True at first. */
  setFollowing(following: boolean): void;
  /** Restarts decoding. `swapCodec` also tries the other AAC flavour. */
  recoverMediaError(swapCodec: boolean): void;
  readonly stats: EngineStats;
  /** Gives the element back empty, and leaves no request, timer or listener. */
  destroy(): void;
}
