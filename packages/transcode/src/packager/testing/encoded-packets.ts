/** For tests: packets that a real encoder made. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createFragmentReader, type Packet, type Track } from "@ami-streams/media";
import { peer } from "@ami-streams/testing";

/** Tracks and packets of a whole clip. */
export interface EncodedClip {
  readonly tracks: readonly Track[];
  readonly packets: readonly Packet[];
}

/** Runs ffmpeg with these arguments between its inputs and its output, which is read as fragments. */
export async function encodeClip(args: readonly string[]): Promise<EncodedClip> {
  const program = peer("ffmpeg");
  if (program === null) throw new Error("no ffmpeg on this machine");
  const movflags = "frag_keyframe+delay_moov+default_base_moof";
  const output = ["-movflags", movflags, "-avoid_negative_ts", "make_zero", "-f", "mp4", "pipe:1"];
  const child = spawn(program, ["-v", "error", "-nostdin", ...args, ...output], { stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  const reader = createFragmentReader();
  const read: Packet[] = [];
  const exit = once(child, "close");
  for await (const bytes of child.stdout) read.push(...reader.push(new Uint8Array(bytes as Buffer)));
  const [code] = await exit;
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}: ${complaints}`);
  return { tracks: reader.init?.tracks ?? [], packets: sorted(read) };
}

/** As a publication gives them: in order of time, `pts` never before `dts`, durations as long as the way to the next packet. */
function sorted(read: readonly Packet[]): Packet[] {
  const late = new Map<number, number>();
  for (const { track, dts, pts } of read) late.set(track.id, Math.max(late.get(track.id) ?? 0, dts - pts));
  const shift = Math.max(...read.map(({ track }) => (late.get(track.id) ?? 0) / track.timescale), 0);
  const next = new Map<number, number>();
  const packets: Packet[] = [];
  for (let i = read.length - 1; i >= 0; i--) {
    const packet = read[i]!;
    const { id, timescale } = packet.track;
    const following = next.get(id);
    next.set(id, packet.dts);
    const pts = Math.max(packet.dts, packet.pts + Math.round(shift * timescale));
    packets.push({
      ...packet,
      pts,
      duration: following === undefined ? Math.max(1, packet.duration) : following - packet.dts,
    });
  }
  return packets.reverse().sort((a, b) => a.dts / a.track.timescale - b.dts / b.track.timescale);
}
