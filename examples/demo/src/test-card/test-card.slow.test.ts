import { readTimeCode } from "@ami-streams/example-client/time-code";
import type { Packet } from "@ami-streams/media";
import { AV_CODEC_ID_AAC, AV_CODEC_ID_H264, AVERROR_EAGAIN } from "node-av/constants";
import { Codec, CodecContext, Frame, Packet as NativePacket, Rational } from "node-av/lib";
import { describe, expect, test } from "vitest";
import { Card } from "./card.ts";
import { PictureEncoder } from "./card-encoder.ts";
import { createTestCard } from "./test-card.ts";

/** FFmpeg's decoder, one packet at a time. */
class Judge {
  readonly #context = new CodecContext();
  readonly #packet = new NativePacket();

  constructor(id: typeof AV_CODEC_ID_H264 | typeof AV_CODEC_ID_AAC, config: Uint8Array, timescale: number) {
    const codec = Codec.findDecoder(id);
    if (codec === null) throw new Error("no decoder");
    this.#context.allocContext3(codec);
    this.#context.extraData = Buffer.from(config);
    this.#context.pktTimebase = new Rational(1, timescale);
    expect(this.#context.open2Sync(codec)).toBeGreaterThanOrEqual(0);
    this.#packet.alloc();
  }

  decode(data: Uint8Array, pts: number): Frame[] {
    this.#packet.data = Buffer.from(data);
    this.#packet.pts = BigInt(pts);
    expect(this.#context.sendPacketSync(this.#packet)).toBeGreaterThanOrEqual(0);
    const frames: Frame[] = [];
    for (;;) {
      const frame = new Frame();
      frame.alloc();
      const result = this.#context.receiveFrameSync(frame);
      if (result === AVERROR_EAGAIN) return frames;
      expect(result).toBeGreaterThanOrEqual(0);
      frames.push(frame);
    }
  }
}

/** The luma plane without padding. */
function lumaOf(frame: Frame): Uint8Array {
  const stride = frame.linesize[0]!;
  const plane = frame.data![0]!;
  const luma = new Uint8Array(frame.width * frame.height);
  for (let row = 0; row < frame.height; row += 1) {
    luma.set(plane.subarray(row * stride, row * stride + frame.width), row * frame.width);
  }
  return luma;
}

/** Averages four pixels to one, in all planes. */
function halve(bytes: Uint8Array, width: number, height: number): Uint8Array {
  const planes = [
    { at: 0, width, height },
    { at: width * height, width: width / 2, height: height / 2 },
    { at: (width * height * 5) / 4, width: width / 2, height: height / 2 },
  ];
  const halved = new Uint8Array(bytes.length / 4);
  let to = 0;
  for (const plane of planes) {
    for (let y = 0; y < plane.height - 1; y += 2) {
      for (let x = 0; x < plane.width - 1; x += 2) {
        const at = plane.at + y * plane.width + x;
        halved[to++] = (bytes[at]! + bytes[at + 1]! + bytes[at + plane.width]! + bytes[at + plane.width + 1]! + 2) >> 2;
      }
    }
  }
  return halved;
}

describe("test card", () => {
  test("the time is read from every picture after scaling to 640x360 and coding with 300 kb/s", async () => {
    const card = new Card({ width: 1280, height: 720, frameRate: 30, caption: "TEST" });
    const encoder = new PictureEncoder({ width: 640, height: 360, frameRate: 30, timescale: 1000, bitrate: 300_000 });
    const judge = new Judge(AV_CODEC_ID_H264, encoder.header, 1000);
    const start = 1_763_832_047_000;
    const times: (number | null)[] = [];
    let bytes = 0;
    for (let frame = 0; frame < 150; frame += 1) {
      const at = start + Math.round((frame * 1000) / 30);
      card.paint(frame, at);
      for (const packet of await encoder.encode(halve(card.canvas.bytes, 1280, 720), at - start, frame % 60 === 0)) {
        bytes += packet.data.length;
        for (const decoded of judge.decode(packet.data, packet.pts)) {
          times.push((readTimeCode(lumaOf(decoded), 640, 360) ?? Number.NaN) - start - Number(decoded.pts));
          decoded.free();
        }
      }
    }
    expect(times.length).toBeGreaterThanOrEqual(148);
    expect(new Set(times)).toEqual(new Set([0]));
    expect((bytes * 8) / 5).toBeLessThan(330_000);
  });

  test("it gives pictures of now, keyframes each two seconds, and a beep at each full second", async () => {
    await using card = await createTestCard({ width: 640, height: 360, frameRate: 25, videoBitrate: 800_000 });
    const [video, audio] = card.tracks;
    expect(video).toMatchObject({ kind: "video", width: 640, height: 360, frameRate: 25 });
    expect(audio).toMatchObject({ kind: "audio", codec: "mp4a.40.2", sampleRate: 48_000, channels: 2 });
    const seeing = new Judge(AV_CODEC_ID_H264, video!.config, video!.timescale);
    const hearing = new Judge(AV_CODEC_ID_AAC, audio!.config, audio!.timescale);
    const origins = new Set<number | null>();
    const keyframes: number[] = [];
    const loudness = new Map<number, { energy: number; moment: number }>();
    let last: Packet | undefined;
    for await (const packet of card.packets()) {
      if (packet.track === video) {
        last = packet;
        if (packet.keyframe) keyframes.push(packet.pts / video!.timescale);
        for (const frame of seeing.decode(packet.data, packet.pts)) {
          const time = readTimeCode(lumaOf(frame), 640, 360);
          origins.add(time === null ? null : time - Math.round((Number(frame.pts) * 1000) / video!.timescale));
          frame.free();
        }
        if (packet.pts > 4.5 * video!.timescale) break;
      } else {
        for (const frame of hearing.decode(packet.data, packet.pts)) {
          listen(frame, loudness);
          frame.free();
        }
      }
    }
    expect(origins.size).toBe(1);
    const [origin] = origins;
    expect(origin! % 1000).toBe(0);
    expect(keyframes.map((time) => time - keyframes[0]!)).toEqual([0, 2, 4]);
    expect(Math.abs(last!.receivedAt! - origin! - (last!.pts * 1000) / video!.timescale)).toBeLessThan(1000);
    // AAC smears an attack over part of a frame, to both sides: the middle of a beep stays where it is.
    const beeps = [...loudness.entries()].filter(([second]) => second > 0 && second < 4);
    expect(beeps).toHaveLength(3);
    for (const [second, { energy, moment }] of beeps) {
      expect(Math.abs(moment / energy - (second * 48_000 + 2400))).toBeLessThan(48);
    }
  });

  test("closing leaves no process, twice is once", async () => {
    const card = await createTestCard({ width: 320, height: 180 });
    await card.close();
    await card.close();
    expect(() => process.kill(card.pid, 0)).toThrow();
  });
});

/** Adds a frame's energy, and its first moment in samples, to the second it belongs to. */
function listen(frame: Frame, loudness: Map<number, { energy: number; moment: number }>): void {
  const plane = frame.data![0]!;
  const samples = new Float32Array(plane.buffer, plane.byteOffset, frame.nbSamples);
  for (const [index, sample] of samples.entries()) {
    const at = Number(frame.pts) + index;
    const second = Math.round(at / 48_000);
    const sum = loudness.get(second) ?? { energy: 0, moment: 0 };
    loudness.set(second, { energy: sum.energy + sample ** 2, moment: sum.moment + sample ** 2 * at });
  }
}
