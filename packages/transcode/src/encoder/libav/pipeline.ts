/** A whole job inside the encoder process: the track is decoded once, and feeds as many lanes as there are outputs. */

import { availableParallelism } from "node:os";
import { type CodecContext, type Frame, Log, type Packet } from "node-av/lib";
import { defaultThreads, videoCodecOptions } from "../codec-options.ts";
import type { EncoderJob, JobOutput } from "../job.ts";
import { AudioLane } from "./audio-lane.ts";
import { Decoder } from "./decoder.ts";
import { createPacketizer, type Packetizer } from "./packetizer.ts";
import { messageType, type PacketMessage, writeJson, writePacketHeader } from "./protocol.ts";
import { VideoLane } from "./video-lane.ts";
import type { WireTrack } from "./wire.ts";

/** `AV_LOG_ERROR`: what a decoder says about a broken picture is counted by us. */
const logLevel = 16;

/** Sends bytes to the host, as one message. */
export type Send = (...parts: Uint8Array[]) => Promise<void>;

/** Keyframes whose pictures have not come out of the decoder yet; no decoder holds back more pictures than this. */
const maxPendingKeyframes = 32;

interface Lanes {
  push(frame: Frame, keyframe: boolean): Promise<void>;
  flush(): Promise<void>;
}

/** Decodes and encodes one job. One call at a time. */
export class Pipeline {
  readonly #decoder: Decoder;
  readonly #lanes: Lanes[];
  readonly #keyframes = new Set<bigint>();
  readonly #send: Send;

  constructor(job: EncoderJob, send: Send) {
    Log.setLevel(logLevel as Parameters<typeof Log.setLevel>[0]);
    this.#send = send;
    this.#decoder = new Decoder(job.track);
    this.#lanes = job.outputs.map((output, index) => createLane(output, index, job, send));
  }

  /** Resolves when the next packet may come: decoded, but not yet encoded. */
  async push(packet: PacketMessage): Promise<void> {
    if (packet.keyframe) this.#remember(BigInt(packet.pts));
    await this.#decode(packet);
  }

  /** Gives what is left in decoder and encoders. */
  async flush(): Promise<void> {
    await this.#decode(null);
    await Promise.all(this.#lanes.map((lane) => lane.flush()));
  }

  async #decode(packet: PacketMessage | null): Promise<void> {
    const { frames, error } = await this.#decoder.decode(packet);
    if (error !== null) await this.#send(writeJson(messageType.decodeError, { message: error }));
    for (const frame of frames) {
      const keyframe = this.#keyframes.delete(frame.pts);
      await Promise.all(this.#lanes.map((lane) => lane.push(frame, keyframe)));
      frame.free();
    }
  }

  #remember(pts: bigint): void {
    this.#keyframes.add(pts);
    if (this.#keyframes.size <= maxPendingKeyframes) return;
    for (const oldest of this.#keyframes) {
      this.#keyframes.delete(oldest);
      return;
    }
  }
}

function createLane(output: JobOutput, index: number, job: EncoderJob, send: Send): Lanes {
  const { track } = job;
  const timescale = output.kind === "video" ? track.timescale : output.settings.sampleRate;
  let packetizer: Packetizer | undefined;
  const onPacket = async (packet: Packet, encoder: CodecContext) => {
    if (packetizer === undefined) {
      packetizer = createPacketizer(
        output.settings.codec,
        encoder.extraData ?? new Uint8Array(),
        packet.data ?? new Uint8Array(),
      );
      const announced: WireTrack = {
        output: index,
        codec: output.settings.codec,
        config: Buffer.from(packetizer.config).toString("base64"),
        timescale,
      };
      await send(writeJson(messageType.track, announced));
    }
    const data = packetizer.sample(packet.data ?? Buffer.alloc(0));
    const message = {
      keyframe: packet.isKeyframe,
      dts: Number(packet.dts),
      pts: Number(packet.pts),
      duration: Math.max(0, Number(packet.duration)),
      data,
    };
    await send(writePacketHeader(message, index), data);
  };
  if (output.kind === "audio") {
    const lane = new AudioLane({ settings: output.settings, timescale: track.timescale, onPacket });
    return {
      async push(frame) {
        const own = frame.clone();
        if (own !== null) await lane.push(own);
      },
      flush: () => lane.flush(),
    };
  }
  const threads = job.threads ?? defaultThreads(output.settings, availableParallelism());
  return new VideoLane({
    settings: output.settings,
    codec: videoCodecOptions(output.settings, { hardware: job.hardware, preset: job.preset, threads }),
    timescale,
    sourceFrameRate: track.kind === "video" ? track.frameRate : undefined,
    onPacket,
  });
}
