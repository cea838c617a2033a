/** How many bits a live source has, where it does not say so itself. */

import type { Packet, PacketSource, Track, VideoTrack } from "@ami-streams/media";

/** Seconds of media that are measured: one, though it begins with a keyframe and so comes out rather high than low. */
export const MEASURED_SECONDS = 1;

/**
 * The tracks of a source for {@link createLadder}, with the bitrate of video that names none, as RTMP names none. Without it, a source leaner than its
 * size would get smaller rungs that are fatter than itself, and players that order renditions by bitrate would prefer those.
 *
 * Reads the first {@link MEASURED_SECONDS} as one more reader of the source; in real time, it takes as long. Video that has not come by then, and
 * what a source that ends or is aborted before has not given, stays without.
 *
 * @throws what the source throws.
 */
export async function measureTracks(
  source: PacketSource,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<readonly Track[]> {
  const tracks = [...source.tracks];
  const unknown = new Map<number, Measure>();
  for (const track of tracks)
    if (track.kind === "video" && track.bitrate === undefined) unknown.set(track.id, { bits: 0, from: 0, to: 0 });
  if (unknown.size > 0) await measure(source, unknown, signal);
  return tracks.map((track) => {
    const found = unknown.get(track.id);
    return track.kind === "video" && found !== undefined ? withBitrate(track, found) : track;
  });
}

/** What one track gave. Times in seconds. */
interface Measure {
  bits: number;
  from: number;
  to: number;
}

async function measure(
  source: PacketSource,
  measures: ReadonlyMap<number, Measure>,
  signal: AbortSignal | undefined,
): Promise<void> {
  let start: number | undefined;
  for await (const packet of source.packets(signal === undefined ? {} : { signal })) {
    const time = packet.dts / packet.track.timescale;
    start ??= time;
    if (time - start >= MEASURED_SECONDS || signal?.aborted === true) return;
    const found = measures.get(packet.track.id);
    if (found !== undefined) add(found, packet, time);
  }
}

function add(measure: Measure, packet: Packet, time: number): void {
  if (measure.bits === 0) measure.from = time;
  measure.bits += packet.data.length * 8;
  measure.to = time + packet.duration / packet.track.timescale;
}

function withBitrate(track: VideoTrack, { bits, from, to }: Measure): VideoTrack {
  return to - from < MEASURED_SECONDS / 2 ? track : { ...track, bitrate: Math.ceil(bits / (to - from)) };
}
