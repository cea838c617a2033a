/** Small made media for tests: the configurations are real, the pictures are not. */

import {
  type AudioTrack,
  audioTrackFromConfig,
  createPacketBroadcast,
  type Packet,
  type PacketBroadcast,
  type PacketSource,
  type Track,
  type VideoTrack,
  videoTrackFromConfig,
} from "@ami-streams/media";

/** avcC of 64×64, 25 frames per second, Constrained Baseline. */
export const AVC_CONFIG = hex("0142c00affe100166742c00ada109b011000000300100000030320f1226a01000468ce0fc8");

/** AudioSpecificConfig of AAC-LC, 44.1 kHz, mono. */
export const AAC_CONFIG = hex("1208");

/** A silent frame of {@link AAC_CONFIG}. */
export const AAC_SILENCE = hex("01182007");

export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

/** An IDR or P slice in one length-prefixed NAL unit, of so many bytes. */
export function avcFrame(keyframe: boolean, size = 32): Uint8Array {
  const bytes = new Uint8Array(4 + size).fill(0xaa);
  bytes.set([size >>> 24, size >>> 16, size >>> 8, size, keyframe ? 0x65 : 0x41]);
  return bytes;
}

export const avcTrack: VideoTrack = videoTrackFromConfig({
  codec: "h264",
  config: AVC_CONFIG,
  id: 1,
  timescale: 120_000,
});

export const aacTrack: AudioTrack = audioTrackFromConfig({ codec: "aac", config: AAC_CONFIG, id: 2 });

/** What to make. */
export interface MadeSourceOptions {
  readonly video?: boolean;
  readonly audio?: boolean;
  /** Seconds. */
  readonly duration?: number;
  /** Bytes of a picture. */
  readonly frameSize?: number;
  /** Seconds of the first timestamp. */
  readonly start?: number;
}

/** 25 pictures a second with a keyframe every second, AAC at 44.1 kHz, interleaved by time. */
export function madePackets({
  video = true,
  audio = true,
  duration = 2,
  frameSize = 32,
  start = 0,
}: MadeSourceOptions = {}): Packet[] {
  const packets: Packet[] = [];
  for (let frame = 0; video && frame < duration * 25; frame += 1) {
    const dts = start * 120_000 + frame * 4800;
    const keyframe = frame % 25 === 0;
    packets.push({ track: avcTrack, dts, pts: dts, duration: 4800, keyframe, data: avcFrame(keyframe, frameSize) });
  }
  for (let frame = 0; audio && frame * 1024 < duration * 44_100; frame += 1) {
    const dts = start * 44_100 + frame * 1024;
    packets.push({ track: aacTrack, dts, pts: dts, duration: 1024, keyframe: true, data: AAC_SILENCE });
  }
  return packets.sort((a, b) => a.dts / a.track.timescale - b.dts / b.track.timescale);
}

/** A source that gives packets as fast as they are read, then ends. */
export function madeSource(options: MadeSourceOptions = {}): PacketSource {
  const packets = madePackets(options);
  const tracks: Track[] = [];
  for (const { track } of packets) if (!tracks.includes(track)) tracks.push(track);
  tracks.sort((a, b) => a.id - b.id);
  return {
    tracks,
    async *packets() {
      yield* packets;
    },
  };
}

/** A live source: write the packets of {@link madePackets} to it when the test wants them. */
export function liveSource(): PacketBroadcast {
  return createPacketBroadcast({ tracks: [avcTrack, aacTrack] });
}
