/** Encodes pictures and sound of the card, with node-av. Runs in the card's own process. */

import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_LOG_ERROR,
  AV_OPT_SEARCH_CHILDREN,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  AV_SAMPLE_FMT_FLTP,
  AVCHROMA_LOC_LEFT,
  AVCOL_PRI_BT709,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_TRC_BT709,
  AVERROR_EAGAIN,
  AVERROR_EOF,
} from "node-av/constants";
import {
  avChannelLayoutDefault,
  Codec,
  CodecContext,
  FFmpegError,
  Frame,
  Log,
  Option,
  Packet,
  Rational,
} from "node-av/lib";

/** One encoded packet, in ticks of its encoder. */
export interface EncodedPacket {
  readonly pts: number;
  readonly keyframe: boolean;
  readonly data: Uint8Array;
}

/** A picture encoder: no delay, keyframes where they are asked for. */
export class PictureEncoder {
  readonly #encoder: CodecContext;
  readonly #output = new Packet();
  readonly #size: { width: number; height: number };
  readonly #timescale: number;

  constructor(options: { width: number; height: number; frameRate: number; timescale: number; bitrate: number }) {
    this.#size = { width: options.width, height: options.height };
    this.#timescale = options.timescale;
    this.#encoder = create("libx264", (encoder) => {
      encoder.width = options.width;
      encoder.height = options.height;
      encoder.pixelFormat = AV_PIX_FMT_YUV420P;
      encoder.timeBase = new Rational(1, options.timescale);
      encoder.framerate = new Rational(Math.round(options.frameRate * 1000), 1000);
      encoder.sampleAspectRatio = new Rational(1, 1);
      encoder.colorRange = AVCOL_RANGE_MPEG;
      encoder.colorPrimaries = AVCOL_PRI_BT709;
      encoder.colorTrc = AVCOL_TRC_BT709;
      encoder.colorSpace = AVCOL_SPC_BT709;
      encoder.chromaLocation = AVCHROMA_LOC_LEFT;
      return {
        preset: "superfast",
        tune: "zerolatency",
        profile: "high",
        b: String(options.bitrate),
        maxrate: String(options.bitrate),
        bufsize: String(options.bitrate),
        g: String(2 ** 30),
        bf: "0",
        sc_threshold: "0",
        "forced-idr": "1",
        threads: "1",
      };
    });
    this.#output.alloc();
  }

  /** SPS and PPS, in Annex B. */
  get header(): Uint8Array {
    return this.#encoder.extraData ?? new Uint8Array();
  }

  /** @param picture - I420, copied before this returns. */
  async encode(picture: Uint8Array, pts: number, keyframe: boolean): Promise<EncodedPacket[]> {
    const frame = Frame.fromVideoBuffer(Buffer.from(picture.buffer, picture.byteOffset, picture.byteLength), {
      ...this.#size,
      format: AV_PIX_FMT_YUV420P,
      timeBase: { num: 1, den: this.#timescale },
      pts: BigInt(pts),
    });
    frame.pictType = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    const packets = receive(this.#encoder, this.#output, await this.#encoder.sendFrame(frame));
    frame.free();
    return packets;
  }
}

/** A stereo AAC encoder. */
export class SoundEncoder {
  /** Samples in one packet. */
  readonly frameSize = 1024;
  readonly #encoder: CodecContext;
  readonly #output = new Packet();
  readonly #sampleRate: number;

  constructor(options: { sampleRate: number; bitrate: number }) {
    this.#sampleRate = options.sampleRate;
    this.#encoder = create("aac", (encoder) => {
      encoder.sampleRate = options.sampleRate;
      encoder.sampleFormat = AV_SAMPLE_FMT_FLTP;
      encoder.channelLayout = avChannelLayoutDefault(2);
      encoder.timeBase = new Rational(1, options.sampleRate);
      return { b: String(options.bitrate) };
    });
    this.#output.alloc();
  }

  /** An AudioSpecificConfig. */
  get header(): Uint8Array {
    return this.#encoder.extraData ?? new Uint8Array();
  }

  /** @param samples - {@link frameSize} of each channel, interleaved. */
  async encode(samples: Float32Array, pts: number): Promise<EncodedPacket[]> {
    const planar = new Float32Array(samples.length);
    for (let index = 0; index < this.frameSize; index += 1) {
      planar[index] = samples[index * 2]!;
      planar[this.frameSize + index] = samples[index * 2 + 1]!;
    }
    const frame = Frame.fromAudioBuffer(Buffer.from(planar.buffer), {
      nbSamples: this.frameSize,
      format: AV_SAMPLE_FMT_FLTP,
      sampleRate: this.#sampleRate,
      channelLayout: avChannelLayoutDefault(2),
      timeBase: { num: 1, den: this.#sampleRate },
      pts: BigInt(pts),
    });
    const packets = receive(this.#encoder, this.#output, await this.#encoder.sendFrame(frame));
    frame.free();
    return packets;
  }
}

Log.setLevel(AV_LOG_ERROR);

function create(name: string, configure: (encoder: CodecContext) => Record<string, string>): CodecContext {
  const codec = Codec.findEncoderByName(name as never);
  if (codec === null) throw new Error(`this build of node-av has no ${name}`);
  const encoder = new CodecContext();
  encoder.allocContext3(codec);
  const options = configure(encoder);
  encoder.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  for (const [key, value] of Object.entries(options))
    check(Option.set(encoder.getNative(), key, value, AV_OPT_SEARCH_CHILDREN), key);
  check(encoder.open2Sync(codec), name);
  return encoder;
}

function receive(encoder: CodecContext, packet: Packet, sent: number): EncodedPacket[] {
  check(sent, "encode");
  const packets: EncodedPacket[] = [];
  for (;;) {
    const result = encoder.receivePacketSync(packet);
    if (result === AVERROR_EAGAIN || result === AVERROR_EOF) return packets;
    check(result, "encode");
    packets.push({ pts: Number(packet.pts), keyframe: packet.isKeyframe, data: new Uint8Array(packet.data ?? []) });
    packet.unref();
  }
}

function check(result: number, what: string): void {
  if (result < 0) throw new Error(`${what}: ${FFmpegError.strerror(result)}`);
}
