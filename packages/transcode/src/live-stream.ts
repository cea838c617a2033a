/** Ladder, encoders and packager put together: a publication in, HLS and DASH out. */

import type { PacketSource, Track } from "@ami-streams/media";
import { createEncoder } from "./encoder/create-encoder.ts";
import type { EncoderOptions, Encoding, EncodingStats } from "./encoder/encoding.ts";
import { TranscodeError } from "./errors.ts";
import { createLadder, type LadderOptions } from "./ladder/ladder.ts";
import { measureTracks } from "./ladder/measure.ts";
import type { Logger } from "./logger.ts";
import {
  createPackager,
  type Packager,
  type PackagerOptions,
  type PackagerSource,
  type PackagerStats,
} from "./packager/packager.ts";

/** Options of {@link createLiveStream}. */
export interface LiveStreamOptions {
  /** How to encode, or null to pass everything through as it comes. Default null: no peer dependency is needed. */
  readonly encoder?: Omit<EncoderOptions, "source" | "rungs" | "signal"> | null;
  /** Which renditions, where there is an encoder. Unless they are listed, a source that does not say its bitrate is measured for a second first. */
  readonly ladder?: LadderOptions;
  readonly packager?: PackagerOptions;
  /** For encoder and packager, unless their own options name another. */
  readonly logger?: Logger;
}

/** What a live stream did and holds. */
export interface LiveStreamStats extends PackagerStats {
  /** Of the current publication's encoder; null while nothing is encoded. */
  readonly encoding: EncodingStats | null;
}

/** One stream, for as long as viewers shall find it at its URL: over any number of publications, one after the other. */
export interface LiveStream extends AsyncDisposable {
  /** See {@link Packager.handle}. */
  readonly handle: (request: Request) => Promise<Response>;
  /**
   * Serves a publication until it ends. Call it again when the publisher is back. A publication that is still there then is ended first.
   * Resolves as well when another publication took its place, when `signal` fired and when the stream was closed.
   *
   * @throws {TranscodeError} `NO_TRACKS`, `UNSUPPORTED_CODEC`, `BACKEND_NOT_INSTALLED`, `INVALID_OPTION`; `CLOSED` when called after {@link close}.
   */
  publish(source: PacketSource, options?: { readonly signal?: AbortSignal }): Promise<void>;
  readonly stats: LiveStreamStats;
  /** Ends the publication, the encoder and the playlists. Idempotent. */
  close(): Promise<void>;
}

/** Makes a stream that has no publication yet. */
export function createLiveStream(options: LiveStreamOptions = {}): LiveStream {
  return new EncodedStream(options);
}

class EncodedStream implements LiveStream {
  readonly handle: (request: Request) => Promise<Response>;
  readonly #options: LiveStreamOptions;
  readonly #packager: Packager;
  readonly #closing = new AbortController();
  #encoding: Encoding | undefined;
  #current: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(options: LiveStreamOptions) {
    this.#options = options;
    this.#packager = createPackager({
      ...(options.logger === undefined ? {} : { logger: options.logger }),
      ...options.packager,
    });
    this.handle = this.#packager.handle;
  }

  get stats(): LiveStreamStats {
    return { ...this.#packager.stats, encoding: this.#encoding?.stats ?? null };
  }

  async publish(source: PacketSource, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#closing.signal.aborted) throw new TranscodeError("CLOSED", "the stream is closed; make another");
    // Whoever publishes last wins; the loop is for several that come while one is still ending.
    while (this.#current !== undefined) {
      this.#current.stop.abort();
      await this.#current.ended;
    }
    if (this.#closing.signal.aborted) return;
    const stop = new AbortController();
    let end: () => void = () => {};
    const current = { stop, ended: new Promise<void>((resolve) => (end = resolve)) };
    this.#current = current;
    const signals = [stop.signal, this.#closing.signal, ...(signal === undefined ? [] : [signal])];
    const ending = AbortSignal.any(signals);
    try {
      await this.#run(source, ending);
    } catch (error) {
      // While it is measured or its encoder starts, an end on request is told as CLOSED.
      if (!ending.aborted || !(error instanceof TranscodeError) || error.code !== "CLOSED") throw error;
    } finally {
      if (this.#current === current) this.#current = undefined;
      end();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#current?.ended;
    await this.#packager.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(source: PacketSource, signal: AbortSignal): Promise<void> {
    const { encoder, ladder } = this.#options;
    if (encoder === null || encoder === undefined) {
      await this.#packager.package([passThrough(source)], { signal });
      return;
    }
    const logger = encoder.logger ?? this.#options.logger;
    const tracks = typeof ladder?.rungs === "object" ? source.tracks : await measureTracks(source, { signal });
    const rungs = createLadder(tracks, ladder);
    const encoding = await createEncoder({
      ...encoder,
      ...(logger === undefined ? {} : { logger }),
      source,
      rungs,
      signal,
    });
    this.#encoding = encoding;
    try {
      await this.#packager.package(encoding.renditions, { signal });
    } finally {
      await encoding.close();
      this.#encoding = undefined;
    }
  }
}

function passThrough(source: PacketSource): PackagerSource {
  return {
    name: nameOf(source.tracks),
    get tracks() {
      return source.tracks;
    },
    packets: (options) => source.packets(options),
  };
}

/** As a ladder names its rungs: by the shorter side. */
function nameOf(tracks: readonly Track[]): string {
  const video = tracks.find((track) => track.kind === "video");
  return video === undefined ? "audio" : `${Math.min(video.width, video.height)}p`;
}
