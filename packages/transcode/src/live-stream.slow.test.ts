import type { Packet, PacketSource } from "@ami-streams/media";
import { peer } from "@ami-streams/testing";
import { describe, expect, test } from "vitest";
import type { Rung } from "./ladder/rung.ts";
import { createLiveStream } from "./live-stream.ts";
import { encodeClip } from "./packager/testing/encoded-packets.ts";
import { probe, serve } from "./packager/testing/foreign-judges.ts";
import { PlaylistJudge } from "./packager/testing/playlist-judge.ts";

const rungs: readonly Rung[] = [
  { name: "360p", video: "copy" },
  { name: "180p", video: { codec: "h264", width: 320, height: 180, frameRate: 25, bitrate: 200_000 } },
  { name: "audio", audio: "copy" },
];

/** In real time, as a publisher gives it; any number of readers. */
function liveSource(packets: readonly Packet[], tracks: PacketSource["tracks"]): PacketSource {
  const renewed = new Map(tracks.map((track) => [track, { ...track }]));
  const start = performance.now();
  return {
    tracks: [...renewed.values()],
    async *packets({ signal } = {}) {
      for (const packet of packets) {
        const wait = start + (packet.dts / packet.track.timescale) * 1000 - performance.now();
        if (wait > 5) await new Promise((resolve) => setTimeout(resolve, wait));
        if (signal?.aborted) return;
        yield { ...packet, track: renewed.get(packet.track)!, receivedAt: Date.now() };
      }
    },
  };
}

describe.skipIf(peer("ffmpeg") === null)("a live stream with an encoder", () => {
  test.each(["libav", "ffmpeg"] as const)(
    "of %s has the same segments in copied and encoded renditions, over a publisher's reconnect",
    async (backend) => {
      const clip = await encodeClip([
        ...["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=7"],
        ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=7"],
        ...["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac"],
      ]);
      // A busy machine may make the encoder late here, but not drop anything.
      await using stream = createLiveStream({
        encoder: { backend, hardware: "off", preset: "ultrafast", whenSlow: "wait" },
        ladder: { rungs },
        packager: { maxLag: 60, drainTimeout: 60 },
      });
      for (let session = 0; session < 2; session++) await stream.publish(liveSource(clip.packets, clip.tracks));
      const judge = new PlaylistJudge();
      const fetch = (path: string) => stream.handle(new Request(`http://stream${path}`));
      await judge.seeAll(fetch, "index.m3u8");
      await judge.seeAll(fetch, "hls.m3u8");
      judge.see("/index.mpd", await (await fetch("/index.mpd")).text());
      judge.verdict();
      expect(stream.stats).toMatchObject({ missedSegments: 0, unalignedKeyframes: 0, splitGroups: 0, movedCuts: 0 });
      const numbers = stream.stats.renditions.map(({ mediaSequence }) => mediaSequence);
      expect(new Set(numbers).size).toBe(1);
      await stream.close();
      await using server = await serve(stream.handle);
      const counts = await Promise.all(["360p", "180p"].map((id) => probe(`${server.url}/${id}/hls.m3u8`)));
      expect(counts.map(([video]) => video!.packets)).toEqual([counts[0]![0]!.packets, counts[0]![0]!.packets]);
    },
  );

  test("goes on when its encoder dies: the copy at once, the encoded rendition at the next discontinuity of all", async () => {
    const clip = await encodeClip([
      ...["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=16"],
      ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=16"],
      ...["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    ]);
    // A busy machine is late, which is no clock that runs away.
    await using stream = createLiveStream({
      encoder: { backend: "libav", hardware: "off" },
      ladder: { rungs },
      packager: { maxDrift: 60 },
    });
    const source = liveSource(clip.packets, clip.tracks);
    let killed = false;
    const deadly: PacketSource = {
      tracks: source.tracks,
      async *packets(options) {
        for await (const packet of source.packets(options)) {
          const pid = stream.stats.encoding?.pids[0];
          if (!killed && pid !== undefined && packet.dts / packet.track.timescale > 4.5) {
            killed = true;
            process.kill(pid, "SIGKILL");
          }
          yield packet;
        }
      },
    };
    await stream.publish(deadly);
    const judge = new PlaylistJudge();
    const fetch = (path: string) => stream.handle(new Request(`http://stream${path}`));
    await judge.seeAll(fetch, "index.m3u8");
    await judge.seeAll(fetch, "hls.m3u8");
    judge.verdict();
    const playlists = await Promise.all(
      ["360p", "180p", "audio"].map(async (id) => (await fetch(`/${id}/hls.m3u8`)).text()),
    );
    expect(killed).toBe(true);
    expect(playlists.map((text) => text.split("#EXT-X-DISCONTINUITY\n").length - 1)).toEqual([1, 1, 1]);
    expect(playlists.map((text) => text.includes("#EXT-X-GAP"))).toEqual([false, true, false]);
    expect(playlists[1]!.trimEnd().split("\n").at(-2)).toMatch(/^#EXTINF/);
  });
});
