/**
 * A publisher that is FFmpeg 8 (inside node-av) with its own RTMP: run as a program of its own, it sends test pictures and a tone
 * in real time, in codecs that Debian's FFmpeg cannot put into FLV.
 *
 * `node libav-publisher.ts '{"url":"rtmp://…","video":"libx265","audio":"libfdk_aac",…}'`
 */

import { fileURLToPath } from "node:url";
import { Decoder, Demuxer, Encoder, Muxer } from "node-av/api";
import type { FFEncoderCodec } from "node-av/constants";

/** What to publish. */
export interface LibavPublisherOptions {
  readonly url: string;
  /** FFmpeg's name of a video encoder; none publishes only sound. */
  readonly video?: "libx264" | "libx265" | "libsvtav1";
  /** FFmpeg's name of an audio encoder; none publishes only pictures. */
  readonly audio?: "libfdk_aac" | "libopus";
  /** Default `640x360`. */
  readonly size?: string;
  /** Default 25. */
  readonly frameRate?: string;
  /** Hz. Default 48,000. */
  readonly sampleRate?: number;
  /** Seconds. */
  readonly duration: number;
}

/** Path of this file, to start it with Node. */
export const libavPublisher: string = fileURLToPath(import.meta.url);

async function publish({
  url,
  video,
  audio,
  size = "640x360",
  frameRate = "25",
  sampleRate = 48_000,
  duration,
}: LibavPublisherOptions): Promise<void> {
  await using output = await Muxer.open(url, { format: "flv", options: { flvflags: "no_duration_filesize" } });
  const chains = [];
  if (video !== undefined) {
    const graph = `testsrc2=size=${size}:rate=${frameRate}:duration=${duration},format=yuv420p,realtime`;
    const gop = Math.round(2 * Number(frameRate.includes("/") ? 30 : frameRate));
    const options = {
      libx264: { preset: "ultrafast", tune: "zerolatency" },
      libx265: { preset: "ultrafast", tune: "zerolatency", "x265-params": "log-level=none" },
      libsvtav1: { preset: 12 },
    }[video];
    chains.push(
      await chain(output, graph, video as FFEncoderCodec, { context: { bitRate: 600_000, gopSize: gop }, options }),
    );
  }
  if (audio !== undefined) {
    const graph = `sine=frequency=440:sample_rate=${sampleRate}:duration=${duration},aformat=sample_fmts=s16:channel_layouts=stereo,asetnsamples=${audio === "libopus" ? 960 : 1024},arealtime`;
    chains.push(await chain(output, graph, audio as FFEncoderCodec, { context: { bitRate: 96_000 } }));
  }
  await Promise.all(chains.map((run) => run()));
}

async function chain(
  output: Muxer,
  graph: string,
  codec: FFEncoderCodec,
  encoderOptions: object,
): Promise<() => Promise<void>> {
  const input = await Demuxer.open(graph, { format: "lavfi" });
  const stream = input.streams[0];
  if (stream === undefined) throw new Error(`no stream in ${graph}`);
  const decoder = await Decoder.create(stream);
  const encoder = await Encoder.create(codec, { decoder, ...encoderOptions });
  const index = output.addStream(encoder, { inputStream: stream });
  return async () => {
    for await (using packet of encoder.packets(decoder.frames(input.packets(stream.index)))) {
      if (packet !== null) await output.writePacket(packet, index);
    }
    await output.writePacket(null, index);
    await input.close();
  };
}

if (process.argv[1] === libavPublisher) await publish(JSON.parse(process.argv[2] ?? "{}") as LibavPublisherOptions);
