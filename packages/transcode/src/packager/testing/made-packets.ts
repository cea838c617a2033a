/** Packets for tests: right times and sizes, no pictures. */

import type { AudioTrack, Packet, Track, VideoTrack } from "@ami-streams/media";

/** A real avcC: High 4.0, 1280x720. */
const AVC_CONFIG = Uint8Array.from(
  "0164001fffe1001967640 01facd9405005bb016a02020280000003008000001e478c18cb01000468ebec b22c"
    .replaceAll(" ", "")
    .match(/../g) ?? [],
  (pair) => Number.parseInt(pair, 16),
);

export function madeVideoTrack(options: Partial<VideoTrack> = {}): VideoTrack {
  return {
    id: 1,
    kind: "video",
    codec: "avc1.64001f",
    timescale: 90_000,
    config: AVC_CONFIG,
    width: 1280,
    height: 720,
    frameRate: 25,
    ...options,
  };
}

export function madeAudioTrack(options: Partial<AudioTrack> = {}): AudioTrack {
  return {
    id: 2,
    kind: "audio",
    codec: "mp4a.40.2",
    timescale: 48_000,
    config: Uint8Array.of(0x11, 0x90),
    sampleRate: 48_000,
    channels: 2,
    ...options,
  };
}

/** How to make the packets of one track. Durations in ticks of the track. */
export interface MadePackets {
  readonly track: Track;
  readonly count: number;
  /** Ticks of the first `dts`. Default 0. */
  readonly start?: number;
  readonly duration: number;
  /** Every how many packets there is a keyframe. Default: every one. */
  readonly gop?: number;
  /** `pts - dts` of keyframes, in packets; the ones between get a B-frame-like pattern. Default 0. */
  readonly delay?: number;
  /** Bytes of a packet. Default 100. */
  readonly size?: number;
  /** Wall clock of the first packet; the others follow in real time. */
  readonly receivedAt?: number;
}

export function madePackets(options: MadePackets): Packet[] {
  const { track, count, start = 0, duration, gop = 1, delay = 0, size = 100, receivedAt } = options;
  return Array.from({ length: count }, (_, i) => {
    const dts = start + i * duration;
    const reorder = delay === 0 ? 0 : i % gop === 0 ? delay : i % 2 === 1 ? delay + 1 : delay - 1;
    return {
      track,
      dts,
      pts: dts + reorder * duration,
      duration,
      keyframe: i % gop === 0,
      data: new Uint8Array(size).fill(i & 0xff),
      ...(receivedAt === undefined ? {} : { receivedAt: receivedAt + ((i * duration) / track.timescale) * 1000 }),
    };
  });
}

/** Merged in order of decoding time. */
export function interleave(...lists: readonly (readonly Packet[])[]): Packet[] {
  return lists.flat().sort((a, b) => a.dts / a.track.timescale - b.dts / b.track.timescale);
}
