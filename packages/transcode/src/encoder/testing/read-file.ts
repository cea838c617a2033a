/** A media file as a `PacketSource`: what tests feed encoders with. */

import type { Packet, PacketSource, Track } from "@ami-streams/media";
import { Demuxer } from "node-av/api";
import { AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_VIDEO } from "node-av/constants";

/** All packets of a file, from time 0 on, in decoding order per track. */
export async function readFile(
  path: string,
  { kinds = ["video", "audio"] }: { kinds?: readonly string[] } = {},
): Promise<{ tracks: Track[]; packets: Packet[] }> {
  const demuxer = await Demuxer.open(path, { copyTs: true });
  const tracks = new Map<number, Track>();
  for (const stream of demuxer.streams) {
    const { codecpar } = stream;
    const config = new Uint8Array(codecpar.getDecoderConfigurationRecord() ?? codecpar.extradata ?? []);
    const base = {
      id: stream.index + 1,
      codec: codecpar.getCodecString() ?? "",
      timescale: stream.timeBase.den,
      config,
    };
    if (codecpar.codecType === AVMEDIA_TYPE_VIDEO && kinds.includes("video")) {
      tracks.set(stream.index, {
        ...base,
        kind: "video",
        width: codecpar.width,
        height: codecpar.height,
        frameRate: stream.avgFrameRate.toDouble(),
      });
    } else if (codecpar.codecType === AVMEDIA_TYPE_AUDIO && kinds.includes("audio")) {
      tracks.set(stream.index, {
        ...base,
        kind: "audio",
        sampleRate: codecpar.sampleRate,
        channels: codecpar.channels,
      });
    }
  }
  const raw: { index: number; dts: number; pts: number; duration: number; keyframe: boolean; data: Uint8Array }[] = [];
  for await (const packet of demuxer.packets()) {
    if (packet === null) break;
    if (!tracks.has(packet.streamIndex)) continue;
    raw.push({
      index: packet.streamIndex,
      dts: Number(packet.dts),
      pts: Number(packet.pts),
      duration: Number(packet.duration),
      keyframe: packet.isKeyframe,
      data: new Uint8Array(packet.data ?? []),
    });
    packet.free();
  }
  await demuxer.close();
  // Files may start below zero, for B-frames and priming; packets may not.
  const seconds = Math.min(...raw.map((packet) => packet.dts / tracks.get(packet.index)!.timescale));
  const shift = Math.max(0, Math.ceil(-seconds));
  const packets = raw.map(({ index, dts, pts, ...rest }, at) => {
    const track = tracks.get(index)!;
    return {
      ...rest,
      track,
      dts: dts + shift * track.timescale,
      pts: pts + shift * track.timescale,
      receivedAt: 1_000_000 + at,
    };
  });
  return { tracks: [...tracks.values()], packets };
}

/** Gives packets as fast as they are taken. */
export function sourceOf(tracks: readonly Track[], packets: Iterable<Packet> | AsyncIterable<Packet>): PacketSource {
  return {
    tracks,
    async *packets({ signal } = {}) {
      for await (const packet of packets) {
        if (signal?.aborted === true) return;
        yield packet;
      }
    },
  };
}
