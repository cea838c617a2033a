import type { Packet, PacketSource, Track } from "@ami-streams/media";
import { describe, expect, test } from "vitest";
import { interleave, madeAudioTrack, madePackets, madeVideoTrack } from "../packager/testing/made-packets.ts";
import { createLadder } from "./ladder.ts";
import { measureTracks } from "./measure.ts";

const video = madeVideoTrack();
const audio = madeAudioTrack();

/** Counts what readers take. */
function sourceOf(
  packets: readonly Packet[],
  tracks: readonly Track[] = [video, audio],
): PacketSource & { readonly taken: () => number } {
  let taken = 0;
  return {
    tracks,
    taken: () => taken,
    async *packets() {
      for (const packet of packets) {
        taken++;
        yield packet;
      }
    },
  };
}

const pictures = (size: number, count = 100) => madePackets({ track: video, count, duration: 3600, gop: 50, size });
const sounds = madePackets({ track: audio, count: 200, duration: 1024 });

describe("measured tracks", () => {
  test("have the bitrate of the first second, and no more of it is read", async () => {
    const source = sourceOf(interleave(pictures(5000), sounds));
    expect(await measureTracks(source)).toEqual([{ ...video, bitrate: 1_000_000 }, audio]);
    expect(source.taken()).toBeLessThan(75);
  });

  test("keep what the source says, without reading it", async () => {
    const tracks = [{ ...video, bitrate: 42 }, audio];
    const source = sourceOf(interleave(pictures(5000), sounds), tracks);
    expect(await measureTracks(source)).toEqual(tracks);
    expect(source.taken()).toBe(0);
  });

  test.each([
    ["no picture came", sounds],
    ["the source ended at once", pictures(5000, 10)],
    ["nothing came at all", []],
  ])("say nothing where %s", async (_why, packets) => {
    expect(await measureTracks(sourceOf(packets))).toEqual([video, audio]);
  });

  test("give no rung more bits than a lean source has, nor a larger rung fewer than a smaller one", async () => {
    const rungs = createLadder(await measureTracks(sourceOf(pictures(5000))));
    const bitrates = rungs.flatMap(({ video }) => (video === undefined || video === "copy" ? [] : [video.bitrate]));
    expect(bitrates).toEqual([666_927, 500_000]);
  });
});
