/** The RTMP client: publishes and plays, and comes back when the connection breaks. */

import type { ConnectionOptions } from "node:tls";
import { MediaError, type PacketSource, type Track } from "@ami-streams/media";
import pRetry, { AbortError } from "p-retry";
import { IngestError, type IngestErrorCode } from "../errors.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { ClientConnection } from "./client-connection.ts";
import { createPlayback, type RtmpPlayback } from "./client-playback.ts";
import {
  carriedTracks,
  messageTimestamp,
  messageTypeOf,
  rtmpCodecOf,
  writeConfig,
  writeFrame,
  writeMetadata,
} from "./flv/tag-writer.ts";
import type { HandshakeKind } from "./handshake/client-handshake.ts";
import { MessageType } from "./message/message.ts";
import { parseRtmpUrl, type RtmpUrl } from "./rtmp-url.ts";

/** How a client comes back after a failure. Waits `initialDelay × 2^n`, at most `maxDelay`, times a random factor from 1 to 2. */
export interface ReconnectOptions {
  /** Milliseconds before the second attempt. Default 500. */
  readonly initialDelay?: number;
  /** Milliseconds. Default 30 000. */
  readonly maxDelay?: number;
  /** Attempts in a row that may fail. Default: any number. */
  readonly attempts?: number;
  /** Milliseconds after which a connection counts as good, so that the next failure starts from `initialDelay` again. Default 10 000. */
  readonly stableAfter?: number;
}

/** Options of {@link createRtmpClient}. */
export interface RtmpClientOptions {
  /** `rtmp://host/app/key` or `rtmps://…`; credentials go into its query. */
  readonly url: string;
  /** For `rtmps:`, options of `node:tls`. */
  readonly tls?: ConnectionOptions;
  /** Default `complex`, which falls back by itself. */
  readonly handshake?: HandshakeKind;
  /** `false` gives up at the first failure. Default: see {@link ReconnectOptions}. */
  readonly reconnect?: ReconnectOptions | false;
  /** Milliseconds for connecting, until the server has agreed. Default 10 000. */
  readonly connectTimeout?: number;
  /** Milliseconds without any progress after which a connection is given up. Default 15 000. */
  readonly idleTimeout?: number;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** Publishes to, or plays from, one address. */
export interface RtmpClient extends AsyncDisposable {
  /**
   * Sends a source until it ends, then says goodbye and resolves. Aborting `signal` ends it likewise.
   *
   * Each connection starts at a keyframe. The first video and the first audio track are sent, others left out. HEVC, AV1 and Opus go by Enhanced RTMP. A server that takes less than the source gives slows the
   * reading down; what that means is up to the source.
   *
   * @throws {IngestError} `UNSUPPORTED_CODEC` for a track that RTMP cannot carry, `UNAUTHORIZED`; anything else only when the attempts are used up;
   * `CLOSED` when the client is.
   */
  publish(source: PacketSource, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Plays the stream; resolves when its tracks are known. After a reconnect its packets refer to new tracks with the same ids, and time goes on.
   *
   * @throws {IngestError} `STREAM_NOT_FOUND` and others when the attempts are used up; `UNAUTHORIZED`; `CLOSED` when the client is.
   */
  play(options?: { readonly signal?: AbortSignal }): Promise<RtmpPlayback>;
  /** Ends everything and waits until it has. Idempotent. */
  close(): Promise<void>;
}

/** What no second attempt would change. */
const FATAL: ReadonlySet<IngestErrorCode> = new Set(["UNAUTHORIZED", "UNSUPPORTED_CODEC", "INVALID_URL", "CLOSED"]);

/**
 * Makes a client. Nothing is connected yet.
 *
 * @throws {IngestError} `INVALID_URL`.
 */
export function createRtmpClient(options: RtmpClientOptions): RtmpClient {
  return new TcpRtmpClient(options);
}

class TcpRtmpClient implements RtmpClient {
  readonly #options: RtmpClientOptions;
  readonly #url: RtmpUrl;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor(options: RtmpClientOptions) {
    this.#options = options;
    this.#url = parseRtmpUrl(options.url);
    this.#logger = options.logger ?? silentLogger;
  }

  async publish(source: PacketSource, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    for (const track of carriedTracks(source.tracks)) rtmpCodecOf(track);
    const { signal } = options;
    await this.#run((ending) => this.#publishOnce(source, ending), signal);
  }

  async play(options: { readonly signal?: AbortSignal } = {}): Promise<RtmpPlayback> {
    const stop = new AbortController();
    const { playback, writer } = createPlayback(() => stop.abort(), this.#logger);
    const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    const running = this.#run(async (ending) => {
      writer.restart();
      const connection = await this.#connect("play", ending, (message) => writer.push(message));
      const timer = setInterval(() => {
        try {
          writer.poll();
        } catch (error) {
          connection.fail(error);
        }
      }, 100);
      try {
        await aborted(AbortSignal.any([connection.lost, ending]));
      } finally {
        clearInterval(timer);
      }
      if (ending.aborted) return connection.finish();
      throw connection.lost.reason;
    }, signal);
    running.then(
      () => writer.end(undefined),
      (error: unknown) => writer.end(error),
    );
    await writer.started;
    return playback;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#running);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(once: (ending: AbortSignal) => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    if (this.#closing.signal.aborted) throw new IngestError("CLOSED", "the client was closed");
    const ending = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    const running = this.#retry(once, ending);
    this.#running.add(running);
    try {
      await running;
    } finally {
      this.#running.delete(running);
    }
    if (this.#closing.signal.aborted) throw new IngestError("CLOSED", "the client was closed");
  }

  /** Runs until it succeeds, fails for good, or is ended. */
  async #retry(once: (ending: AbortSignal) => Promise<void>, ending: AbortSignal): Promise<void> {
    const { reconnect = {} } = this.#options;
    const {
      initialDelay = 500,
      maxDelay = 30_000,
      attempts = Number.POSITIVE_INFINITY,
      stableAfter = 10_000,
    } = reconnect === false ? { attempts: 1 } : reconnect;
    let done = false;
    while (!done && !ending.aborted) {
      try {
        done = await pRetry(
          async () => {
            const startedAt = performance.now();
            try {
              await once(ending);
              return true;
            } catch (error) {
              if (ending.aborted) return true;
              if (reconnect === false && error instanceof IngestError && error.code === "STREAM_ENDED") return true;
              if (error instanceof IngestError && !FATAL.has(error.code)) {
                this.#logger.warn({ code: error.code, host: this.#url.host, app: this.#url.app }, error.message);
                if (reconnect !== false && performance.now() - startedAt > stableAfter) return false;
                throw error;
              }
              throw new AbortError(error instanceof Error ? error : new Error(String(error)));
            }
          },
          {
            retries: attempts - 1,
            minTimeout: initialDelay,
            maxTimeout: maxDelay,
            factor: 2,
            randomize: true,
            signal: ending,
          },
        );
      } catch (error) {
        if (ending.aborted) return;
        throw error;
      }
    }
  }

  #connect(
    mode: "publish" | "play",
    ending: AbortSignal,
    onMedia?: Parameters<typeof ClientConnection.open>[0]["onMedia"],
  ): Promise<ClientConnection> {
    const { tls, handshake = "complex", connectTimeout = 10_000, idleTimeout = 15_000 } = this.#options;
    const options = { url: this.#url, mode, tls, handshake, connectTimeout, idleTimeout };
    return ClientConnection.open(onMedia === undefined ? options : { ...options, onMedia }, ending);
  }

  async #publishOnce(source: PacketSource, ending: AbortSignal): Promise<void> {
    const connection = await this.#connect("publish", ending);
    try {
      await sendAll(source, connection, ending);
      await connection.finish();
    } finally {
      connection.destroy();
    }
  }
}

async function sendAll(source: PacketSource, connection: ClientConnection, ending: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([connection.lost, ending]);
  const configured = new Map<number, Track>();
  const carried = new Set(carriedTracks(source.tracks).map(({ id }) => id));
  await connection.send(MessageType.DataAmf0, 0, writeMetadata(source.tracks, "@setDataFrame"));
  try {
    for await (const packet of source.packets({ signal })) {
      const { track } = packet;
      if (!carried.has(track.id)) continue;
      const typeId = messageTypeOf(track);
      const timestamp = messageTimestamp(packet);
      if (configured.get(track.id) !== track) {
        configured.set(track.id, track);
        const config = writeConfig(track);
        if (config !== undefined) await connection.send(typeId, timestamp, config);
      }
      await connection.send(typeId, timestamp, writeFrame(packet));
      if (signal.aborted) break;
    }
  } catch (error) {
    if (error instanceof MediaError && error.code === "READER_TOO_SLOW") {
      throw new IngestError("SLOW_PEER", "the server reads more slowly than the source runs", { cause: error });
    }
    throw error;
  }
  if (connection.lost.aborted && !ending.aborted) throw connection.lost.reason;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
