import { createPacketBroadcast } from "@ami-streams/media";
import { describe, expect, test } from "vitest";
import type { Rung } from "./ladder/rung.ts";
import { createLiveStream, type LiveStream } from "./live-stream.ts";
import { isPending } from "./packager/testing/live-scene.ts";
import { MadeFeed } from "./packager/testing/made-feed.ts";
import { interleave, madeAudioTrack, madePackets, madeVideoTrack } from "./packager/testing/made-packets.ts";

const request = (path: string) => new Request(`http://stream${path}`);
const video = madeVideoTrack();
const audio = madeAudioTrack();
const fiveSeconds = () =>
  interleave(
    madePackets({ track: video, count: 125, duration: 3600, gop: 50 }),
    madePackets({ track: audio, count: 234, duration: 1024 }),
  );

describe("a live stream without an encoder", () => {
  test("passes a publication through, under the name of its height", async () => {
    await using stream = createLiveStream();
    const feed = new MadeFeed("anything", [video, audio]);
    const publishing = stream.publish(feed);
    await feed.push(fiveSeconds());
    const playlist = await (await stream.handle(request("/index.m3u8"))).text();
    expect(playlist).toContain("\n720p/index.m3u8\n");
    expect(stream.stats).toMatchObject({ encoding: null, sessions: 1 });
    feed.end();
    await publishing;
    expect((await stream.handle(request("/720p/index.m3u8"))).status).toBe(200);
  });

  test("reads what a broadcast has to give", async () => {
    const broadcast = createPacketBroadcast({ tracks: [video, audio] });
    await using stream = createLiveStream();
    const publishing = stream.publish(broadcast);
    for (const packet of fiveSeconds()) broadcast.write(packet);
    broadcast.end();
    await publishing;
    expect(stream.stats.segments).toBe(6);
  });

  test("lets the newer of two publications win", async () => {
    await using stream = createLiveStream();
    const first = new MadeFeed("a", [video, audio]);
    const second = new MadeFeed("b", [video, audio]);
    const publishing = stream.publish(first);
    await first.push(fiveSeconds());
    const again = stream.publish(second);
    await publishing;
    await second.push(fiveSeconds());
    expect(stream.stats.sessions).toBe(2);
    const playlist = await (await stream.handle(request("/720p/hls.m3u8"))).text();
    expect(playlist).toContain("#EXT-X-DISCONTINUITY\n");
    second.end();
    await again;
  });

  test("ends a publication by its signal, and the playlists only when closed", async () => {
    const stream = createLiveStream();
    const stop = new AbortController();
    const feed = new MadeFeed("a", [video, audio]);
    const publishing = stream.publish(feed, { signal: stop.signal });
    await feed.push(fiveSeconds());
    stop.abort();
    await publishing;
    expect(await (await stream.handle(request("/720p/hls.m3u8"))).text()).not.toContain("ENDLIST");
    await stream.close();
    await stream.close();
    expect(await (await stream.handle(request("/720p/hls.m3u8"))).text()).toContain("ENDLIST");
    await expect(stream.publish(feed)).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("closes while a publication goes on", async () => {
    const stream = createLiveStream();
    const publishing = stream.publish(new MadeFeed("a", [video, audio]));
    expect(await isPending(publishing)).toBe(true);
    await stream.close();
    await publishing;
  });
});

describe("a live stream with an encoder", () => {
  test("needs none of it where the ladder only passes through", async () => {
    await using stream = createLiveStream({ encoder: { backend: "libav" }, ladder: { maxRungs: 1 } });
    await stream.publish({ tracks: [video, audio], packets: once });
    const playlist = await (await stream.handle(request("/index.m3u8"))).text();
    expect(playlist).toContain("\n720p/index.m3u8\n");
    expect(playlist).toContain('URI="audio/index.m3u8"');
  });

  test.each([
    ["replaced by another", (stream: LiveStream) => stream.publish({ tracks: [video, audio], packets: once })],
    ["closed", (stream: LiveStream) => stream.close()],
  ])("ends a publication without an error when it is %s while it is measured", async (_, end) => {
    await using stream = createLiveStream({ encoder: { backend: "libav" }, ladder: { maxRungs: 1 } });
    const feed = new MadeFeed("a", [video, audio]);
    const publishing = stream.publish(feed);
    await feed.push(madePackets({ track: video, count: 8, duration: 3600, gop: 50 }));
    expect(stream.stats.sessions).toBe(0);
    const ended = end(stream);
    await expect(publishing).resolves.toBeUndefined();
    await ended;
  });

  test("ends a publication that waits for its turn without an error when it is closed", async () => {
    const stream = createLiveStream();
    const first = stream.publish(new MadeFeed("a", [video, audio]));
    const second = stream.publish(new MadeFeed("b", [video, audio]));
    await stream.close();
    await expect(Promise.all([first, second])).resolves.toBeDefined();
    expect(stream.stats.sessions).toBe(1);
  });

  test("measures a source that does not say its bitrate, and loses nothing of it", async () => {
    const seen: Rung[] = [];
    const rungs = (made: readonly Rung[]) => {
      seen.push(...made);
      return made.filter((rung) => rung.video === "copy" || rung.audio === "copy");
    };
    await using stream = createLiveStream({ encoder: { backend: "libav" }, ladder: { rungs } });
    const broadcast = createPacketBroadcast({ tracks: [video, audio] });
    const publishing = stream.publish(broadcast);
    for (const packet of fiveSeconds()) {
      broadcast.write(packet);
      if (packet.track === video) await new Promise((resolve) => setImmediate(resolve));
    }
    broadcast.end();
    await publishing;
    expect(stream.stats.segments).toBe(6);
    const encoded = seen.flatMap((rung) => (typeof rung.video === "object" ? [rung.video] : []));
    expect(encoded.map(({ width, bitrate }) => [width, bitrate])).toEqual([
      [854, 50_000],
      [640, 50_000],
    ]);
  });
});

async function* once() {
  yield* fiveSeconds();
}
