/** The reference origin: whatever is published over RTMP is transcoded, packaged and served over HTTP. */

import { createOrigin, createServer, type ObjectStore } from "@ami-streams/cdn";
import { type Authorize, createRtmpServer, type Publication, type RtmpServer } from "@ami-streams/ingest";
import type { Track } from "@ami-streams/media";
import { createLiveStream, type LadderOptions, type LiveStream } from "@ami-streams/transcode";
import type { Logger } from "pino";

/** The RTMP app that publishers go to. */
const APP = "live";

/** How to run an origin. */
export interface OriginOptions {
  readonly rtmpPort: number;
  readonly httpPort: number;
  /** Address both servers listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Who encodes the lower renditions: FFmpeg inside node-av, the machine's own `ffmpeg`, or nobody. Default `libav`. */
  readonly encoder?: "libav" | "ffmpeg" | "none";
  readonly ladder?: LadderOptions;
  /** Milliseconds that a stream is kept for its publisher to come back. Default 60,000. */
  readonly lingerMs?: number;
  /** Who may publish. Default: everybody who reaches the port. */
  readonly authorize?: Authorize;
  /** Recordings under `/vod/`. */
  readonly vod?: ObjectStore;
  readonly logger: Logger;
}

/** A running origin. */
export interface RunningOrigin extends AsyncDisposable {
  /** Where publishers go, e.g. `rtmp://127.0.0.1:1935/live`. */
  readonly rtmp: string;
  /** Where edges go, e.g. `http://127.0.0.1:8081`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Milliseconds that closing gives answers in flight. */
const closeDeadline = 1000;

interface Channel {
  readonly stream: LiveStream;
  /** Undefined while the publisher is away. */
  publication: Publication | undefined;
  /** Ends the wait for a publisher that is away. */
  farewell: NodeJS.Timeout | undefined;
}

/** Starts an origin and resolves when both ports accept. */
export async function startOrigin(options: OriginOptions): Promise<RunningOrigin> {
  const { host = "127.0.0.1", logger } = options;
  const channels = new Map<string, Channel>();
  await using opened = new AsyncDisposableStack();

  const handler = createOrigin({
    live: {
      get: (name) => {
        const stream = channels.get(name)?.stream;
        return stream === undefined ? undefined : (request) => stream.handle(request);
      },
      list: () =>
        [...channels].flatMap(([name, { publication }]) =>
          publication === undefined ? [] : [entry(name, publication)],
        ),
    },
    ...(options.vod === undefined ? {} : { vod: options.vod }),
  });
  const http = opened.use(await createServer({ port: options.httpPort, host, handler, closeDeadline, logger }));
  // What is disposed of last was opened first: the publishers go, their streams end, held requests are answered, then HTTP closes.
  opened.defer(async () => {
    for (const channel of channels.values()) clearTimeout(channel.farewell);
    await Promise.all([...channels.values()].map((channel) => channel.stream.close()));
  });
  const rtmp = await createRtmpServer({
    port: options.rtmpPort,
    host,
    // A stream is known by its key alone: with two apps, two publishers of one key would overwrite each other.
    authorize: (request) =>
      request.app === APP ? (options.authorize?.(request) ?? true) : { denied: `publish to /${APP}/<stream key>` },
    // A publisher that lost its connection is back before the old one is known to be dead.
    onSecondPublisher: "take-over",
    logger,
  });
  const accepting = accept(rtmp, channels, options);
  opened.defer(() => accepting);
  opened.use(rtmp);

  const resources = opened.move();
  const close = () => resources.disposeAsync();
  return { rtmp: `rtmp://${host}:${rtmp.port}/${APP}`, url: http.url, close, [Symbol.asyncDispose]: close };
}

async function accept(rtmp: RtmpServer, channels: Map<string, Channel>, options: OriginOptions): Promise<void> {
  const running = new Set<Promise<void>>();
  for await (const publication of rtmp.publications()) {
    const work = serve(publication, channels, options).finally(() => running.delete(work));
    running.add(work);
  }
  await Promise.all(running);
}

async function serve(publication: Publication, channels: Map<string, Channel>, options: OriginOptions): Promise<void> {
  const { encoder = "libav", lingerMs = 60_000, logger } = options;
  const name = publication.streamKey;
  let channel = channels.get(name);
  if (channel === undefined) {
    const stream = createLiveStream({
      encoder: encoder === "none" ? null : { backend: encoder },
      ...(options.ladder === undefined ? {} : { ladder: options.ladder }),
      logger,
    });
    channel = { stream, publication: undefined, farewell: undefined };
    channels.set(name, channel);
  }
  const { stream } = channel;
  clearTimeout(channel.farewell);
  channel.publication = publication;
  logger.info(
    { stream: name, tracks: publication.tracks.map((track) => track.codec), from: publication.address },
    "stream began",
  );
  try {
    await stream.publish(publication);
  } catch (error) {
    logger.error({ stream: name, err: error }, "stream failed");
  } finally {
    // Else a publisher whose stream failed would go on sending to nobody.
    publication.close();
  }
  // Another publisher may have taken over meanwhile: then it is the one to say goodbye.
  if (channel.publication !== publication) return;
  channel.publication = undefined;
  logger.info({ stream: name, lingerMs }, "publisher left");
  channel.farewell = setTimeout(() => {
    channels.delete(name);
    stream.close().catch((error: unknown) => logger.error({ stream: name, err: error }, "closing failed"));
  }, lingerMs);
}

function entry(name: string, publication: Publication) {
  return {
    name,
    startedAt: new Date(publication.startedAt).toISOString(),
    hls: `/live/${encodeURIComponent(name)}/index.m3u8`,
    dash: `/live/${encodeURIComponent(name)}/index.mpd`,
    description: publication.tracks.map(describe).join(" · "),
  };
}

/** What people call the codecs, by the start of their RFC 6381 string. */
const codecNames: readonly (readonly [string, string])[] = [
  ["avc1", "H.264"],
  ["hvc1", "HEVC"],
  ["av01", "AV1"],
  ["mp4a.40.34", "MP3"],
  ["mp4a.6", "MP3"],
  ["mp4a", "AAC"],
  ["opus", "Opus"],
];

function describe(track: Track): string {
  const codec = codecNames.find(([start]) => track.codec.toLowerCase().startsWith(start))?.[1] ?? track.codec;
  if (track.kind === "audio") return `${codec} ${track.sampleRate / 1000} kHz`;
  const rate = track.frameRate === undefined ? "" : `p${Math.round(track.frameRate * 100) / 100}`;
  return `${track.width}×${track.height}${rate} ${codec}`;
}
