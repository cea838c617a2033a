import { parseMpd, type Track } from "@ami-streams/media";
import { describe, expect, test } from "vitest";
import { audio48, isPending, LiveScene, NOON, type SceneTrack, video25 } from "./testing/live-scene.ts";
import { MadeFeed } from "./testing/made-feed.ts";
import { madeAudioTrack, madePackets, madeVideoTrack } from "./testing/made-packets.ts";

/** Long parts keep the documents of these tests short. */
const short = { partDuration: 0.6, window: 4 };
const audio44: SceneTrack = {
  track: madeAudioTrack({ timescale: 44_100, sampleRate: 44_100, language: "de", name: "Deutsch" }),
  duration: 1024,
  gop: 1,
  size: 200,
};

describe("low-latency HLS", () => {
  test("lists segments, the parts of the last three target durations, what comes next and where other renditions are", async () => {
    await using scene = new LiveScene({ partDuration: 0.6, window: 9 });
    scene.publish([video25, audio48]);
    await scene.send(9.4);
    expect(await scene.text("/720p/index.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-VERSION:9
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-TARGETDURATION:2
      #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=2.52
      #EXT-X-PART-INF:PART-TARGET=0.63
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-DISCONTINUITY-SEQUENCE:0
      #EXT-X-MAP:URI="s0-init0.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:00.000Z
      #EXTINF:2,
      s0-0.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:02.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p4.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p5.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p6.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p7.m4s"
      #EXTINF:2,
      s0-1.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:04.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p8.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p9.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p10.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p11.m4s"
      #EXTINF:2,
      s0-2.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:06.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p12.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p13.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p14.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p15.m4s"
      #EXTINF:2,
      s0-3.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:08.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p16.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p17.m4s"
      #EXT-X-PRELOAD-HINT:TYPE=PART,URI="s0-p18.m4s"
      #EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=4,LAST-PART=1
      "
    `);
    expect(await scene.text("/audio/index.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-VERSION:9
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-TARGETDURATION:2
      #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=2.52
      #EXT-X-PART-INF:PART-TARGET=0.63
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-DISCONTINUITY-SEQUENCE:0
      #EXT-X-MAP:URI="s0-init0.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:00.000Z
      #EXTINF:2.005333,
      s0-0.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:02.005Z
      #EXT-X-PART:DURATION=0.618667,URI="s0-p4.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p5.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p6.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.149333,URI="s0-p7.m4s",INDEPENDENT=YES
      #EXTINF:2.005333,
      s0-1.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:04.011Z
      #EXT-X-PART:DURATION=0.618667,URI="s0-p8.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p9.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p10.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.149333,URI="s0-p11.m4s",INDEPENDENT=YES
      #EXTINF:2.005333,
      s0-2.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:06.016Z
      #EXT-X-PART:DURATION=0.618667,URI="s0-p12.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p13.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p14.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.128,URI="s0-p15.m4s",INDEPENDENT=YES
      #EXTINF:1.984,
      s0-3.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:08.000Z
      #EXT-X-PART:DURATION=0.618667,URI="s0-p16.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p17.m4s",INDEPENDENT=YES
      #EXT-X-PRELOAD-HINT:TYPE=PART,URI="s0-p18.m4s"
      #EXT-X-RENDITION-REPORT:URI="../720p/index.m3u8",LAST-MSN=4,LAST-PART=1
      "
    `);
  });

  test("has one variant per video rendition, audio as a group, and audio alone", async () => {
    await using scene = new LiveScene(short);
    const small = madeVideoTrack({
      id: 3,
      width: 640,
      height: 360,
      codec: "avc1.4d401e",
      frameRate: 29.97,
      bitrate: 900_000,
    });
    const feeds = [
      new MadeFeed("720p", [video25.track]),
      new MadeFeed("360p", [small]),
      new MadeFeed("audio", [audio44.track]),
    ];
    const packaging = scene.packager.package(feeds);
    await feeds[0]!.push(
      madePackets({ track: video25.track, count: 120, duration: 3600, gop: 50, size: 2000, receivedAt: NOON }),
    );
    await feeds[1]!.push(
      madePackets({ track: small, count: 120, duration: 3600, gop: 50, size: 500, receivedAt: NOON }),
    );
    await feeds[2]!.push(madePackets({ track: audio44.track, count: 200, duration: 1024, receivedAt: NOON }));
    expect(await scene.text("/index.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Deutsch",LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"
      #EXT-X-STREAM-INF:BANDWIDTH=440971,AVERAGE-BANDWIDTH=440952,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=25.000,AUDIO="audio"
      720p/index.m3u8
      #EXT-X-STREAM-INF:BANDWIDTH=937707,AVERAGE-BANDWIDTH=140952,CODECS="avc1.4d401e,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=29.970,AUDIO="audio"
      360p/index.m3u8
      #EXT-X-STREAM-INF:BANDWIDTH=37707,AVERAGE-BANDWIDTH=37688,CODECS="mp4a.40.2",AUDIO="audio"
      audio/index.m3u8
      "
    `);
    expect(await scene.text("/hls.m3u8")).toContain("720p/hls.m3u8");
    for (const feed of feeds) feed.end();
    await packaging;
  });

  test("of audio alone is one variant", async () => {
    await using scene = new LiveScene(short);
    scene.publish([audio48], "radio");
    await scene.send(5);
    expect(await scene.text("/index.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-STREAM-INF:BANDWIDTH=78240,AVERAGE-BANDWIDTH=78240,CODECS="mp4a.40.2"
      radio/index.m3u8
      "
    `);
  });

  test("of video alone is one variant", async () => {
    await using scene = new LiveScene(short);
    scene.publish([video25]);
    await scene.send(5);
    expect(await scene.text("/index.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-STREAM-INF:BANDWIDTH=403264,AVERAGE-BANDWIDTH=403264,CODECS="avc1.64001f",RESOLUTION=1280x720,FRAME-RATE=25.000
      720p/index.m3u8
      "
    `);
  });

  test("gives delta updates, measured from the live edge", async () => {
    await using scene = new LiveScene({ partDuration: 0.6, window: 30 });
    scene.publish([video25]);
    await scene.send(25.3);
    expect(await scene.text("/720p/index.m3u8?_HLS_skip=YES")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-VERSION:9
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-TARGETDURATION:2
      #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=2.52
      #EXT-X-PART-INF:PART-TARGET=0.63
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-DISCONTINUITY-SEQUENCE:0
      #EXT-X-SKIP:SKIPPED-SEGMENTS=6
      #EXT-X-MAP:URI="s0-init0.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:12.000Z
      #EXTINF:2,
      s0-6.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:14.000Z
      #EXTINF:2,
      s0-7.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:16.000Z
      #EXTINF:2,
      s0-8.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:18.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p36.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p37.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p38.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p39.m4s"
      #EXTINF:2,
      s0-9.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:20.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p40.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p41.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p42.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p43.m4s"
      #EXTINF:2,
      s0-10.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:22.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p44.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p45.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p46.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p47.m4s"
      #EXTINF:2,
      s0-11.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:24.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p48.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p49.m4s"
      #EXT-X-PRELOAD-HINT:TYPE=PART,URI="s0-p50.m4s"
      "
    `);
    expect(await scene.text("/720p/index.m3u8?_HLS_skip=v2")).toContain("EXT-X-SKIP:SKIPPED-SEGMENTS=6\n");
  });

  test("gives no delta update while a discontinuity is in the playlist", async () => {
    await using scene = new LiveScene({ partDuration: 0.6, window: 30 });
    scene.publish([video25]);
    await scene.send(20);
    await scene.leave();
    scene.publish([video25]);
    // At first in the segment that is being made, which has parts only.
    for (const seconds of [1, 4.3]) {
      await scene.send(seconds);
      const playlist = await scene.text("/720p/index.m3u8?_HLS_skip=YES");
      expect(playlist).toContain("EXT-X-DISCONTINUITY\n");
      expect(playlist).not.toContain("EXT-X-SKIP");
    }
  });

  test("keeps the target duration and the part target when the publisher comes back with other ones", async () => {
    await using scene = new LiveScene();
    scene.allowed = ["independent-segments"];
    scene.publish([video25, audio48]);
    await scene.send(5);
    const fixed = (text: string) =>
      [/TARGETDURATION:\d+/, /PART-TARGET=[\d.]+/, /SERVER-CONTROL:.*/].map((line) => line.exec(text)?.[0]);
    const before = fixed(await scene.text("/720p/index.m3u8"));
    await scene.leave();
    scene.publish([{ track: madeVideoTrack({ frameRate: 60 }), duration: 1500, gop: 600, size: 900 }, audio44]);
    await scene.send(9);
    expect(fixed(await scene.text("/720p/index.m3u8"))).toEqual(before);
  });
});

describe("HLS for old players", () => {
  test("has whole segments only", async () => {
    await using scene = new LiveScene(short);
    scene.publish([video25]);
    await scene.send(7.4);
    expect(await scene.text("/720p/hls.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-VERSION:6
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-TARGETDURATION:2
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-DISCONTINUITY-SEQUENCE:0
      #EXT-X-MAP:URI="s0-init0.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:00.000Z
      #EXTINF:2,
      s0-0.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:02.000Z
      #EXTINF:2,
      s0-1.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:04.000Z
      #EXTINF:2,
      s0-2.m4s
      "
    `);
  });
});

describe("a publisher that leaves and comes back", () => {
  test("leaves playlists without an end, with the name of what will come", async () => {
    await using scene = new LiveScene(short);
    scene.publish([video25, audio48]);
    await scene.send(5);
    await scene.leave();
    expect(await scene.text("/720p/index.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-VERSION:9
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-TARGETDURATION:2
      #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=2.52
      #EXT-X-PART-INF:PART-TARGET=0.63
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-DISCONTINUITY-SEQUENCE:0
      #EXT-X-MAP:URI="s0-init0.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:00.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p0.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p1.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p2.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p3.m4s"
      #EXTINF:2,
      s0-0.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:02.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p4.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p5.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p6.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p7.m4s"
      #EXTINF:2,
      s0-1.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:04.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p8.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.4,URI="s0-p9.m4s"
      #EXTINF:1,
      s0-2.m4s
      #EXT-X-PRELOAD-HINT:TYPE=MAP,URI="s0-init1.mp4"
      #EXT-X-PRELOAD-HINT:TYPE=PART,URI="s0-p10.m4s"
      #EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=2,LAST-PART=1
      "
    `);
    const init = scene.get("/720p/s0-init1.mp4");
    const part = scene.get("/720p/s0-p10.m4s");
    const playlist = scene.get("/720p/index.m3u8?_HLS_msn=3&_HLS_part=0");
    for (const answer of [init, part, playlist]) expect(await isPending(answer)).toBe(true);
    scene.clock.advance(3000);
    scene.publish([video25, audio48]);
    await scene.send(1);
    for (const answer of [init, part, playlist]) expect((await answer).status).toBe(200);
  });

  test("goes on with a discontinuity, a new initialisation segment and a new anchor in every rendition", async () => {
    await using scene = new LiveScene({ partDuration: 0.6, window: 7 });
    scene.publish([video25, audio48]);
    await scene.send(5);
    await scene.leave();
    scene.clock.advance(10_000);
    scene.publish([video25, audio48]);
    await scene.send(3);
    expect(await scene.text("/720p/index.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-VERSION:9
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-TARGETDURATION:2
      #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=2.52
      #EXT-X-PART-INF:PART-TARGET=0.63
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-DISCONTINUITY-SEQUENCE:0
      #EXT-X-MAP:URI="s0-init0.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:00.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p0.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p1.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p2.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p3.m4s"
      #EXTINF:2,
      s0-0.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:02.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p4.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p5.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p6.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p7.m4s"
      #EXTINF:2,
      s0-1.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:04.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p8.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.4,URI="s0-p9.m4s"
      #EXTINF:1,
      s0-2.m4s
      #EXT-X-DISCONTINUITY
      #EXT-X-MAP:URI="s0-init1.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:15.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p10.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.6,URI="s0-p11.m4s"
      #EXT-X-PART:DURATION=0.6,URI="s0-p12.m4s"
      #EXT-X-PART:DURATION=0.2,URI="s0-p13.m4s"
      #EXTINF:2,
      s0-3.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:17.000Z
      #EXT-X-PART:DURATION=0.6,URI="s0-p14.m4s",INDEPENDENT=YES
      #EXT-X-PRELOAD-HINT:TYPE=PART,URI="s0-p15.m4s"
      #EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=4,LAST-PART=0
      "
    `);
    expect(await scene.text("/audio/index.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-VERSION:9
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-TARGETDURATION:2
      #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=2.52
      #EXT-X-PART-INF:PART-TARGET=0.63
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-DISCONTINUITY-SEQUENCE:0
      #EXT-X-MAP:URI="s0-init0.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:00.000Z
      #EXT-X-PART:DURATION=0.618667,URI="s0-p0.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p1.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p2.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.149333,URI="s0-p3.m4s",INDEPENDENT=YES
      #EXTINF:2.005333,
      s0-0.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:02.005Z
      #EXT-X-PART:DURATION=0.618667,URI="s0-p4.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p5.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p6.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.149333,URI="s0-p7.m4s",INDEPENDENT=YES
      #EXTINF:2.005333,
      s0-1.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:04.011Z
      #EXT-X-PART:DURATION=0.618667,URI="s0-p8.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.362667,URI="s0-p9.m4s",INDEPENDENT=YES
      #EXTINF:0.981333,
      s0-2.m4s
      #EXT-X-DISCONTINUITY
      #EXT-X-MAP:URI="s0-init1.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:15.000Z
      #EXT-X-PART:DURATION=0.618667,URI="s0-p10.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p11.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.618667,URI="s0-p12.m4s",INDEPENDENT=YES
      #EXT-X-PART:DURATION=0.149333,URI="s0-p13.m4s",INDEPENDENT=YES
      #EXTINF:2.005333,
      s0-3.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:17.005Z
      #EXT-X-PART:DURATION=0.618667,URI="s0-p14.m4s",INDEPENDENT=YES
      #EXT-X-PRELOAD-HINT:TYPE=PART,URI="s0-p15.m4s"
      #EXT-X-RENDITION-REPORT:URI="../720p/index.m3u8",LAST-MSN=4,LAST-PART=0
      "
    `);
  });

  test("leaves a count of discontinuities when they have left the window", async () => {
    await using scene = new LiveScene(short);
    scene.publish([video25]);
    await scene.send(5);
    await scene.leave();
    scene.publish([video25]);
    await scene.send(7);
    await scene.leave();
    scene.publish([video25]);
    await scene.send(2.7);
    expect(await scene.text("/720p/index.m3u8")).toContain("#EXT-X-DISCONTINUITY-SEQUENCE:1\n");
    await scene.send(7);
    expect(await scene.text("/720p/index.m3u8")).toContain("#EXT-X-DISCONTINUITY-SEQUENCE:2\n");
  });

  test("may have other renditions: those that are gone are 404, not frozen", async () => {
    await using scene = new LiveScene();
    scene.publish([video25, audio48]);
    await scene.send(5);
    await scene.leave();
    scene.publish([video25], "480p");
    await scene.send(3);
    expect((await scene.get("/720p/index.m3u8")).status).toBe(404);
    expect((await scene.get("/720p/s0-1.m4s")).status).toBe(200);
    expect(await scene.text("/480p/index.m3u8")).toContain("#EXT-X-MEDIA-SEQUENCE:3\n");
    expect(await scene.text("/index.m3u8")).not.toContain("720p");
  });

  test("may have a rendition again that was not there in between", async () => {
    await using scene = new LiveScene();
    for (const name of ["720p", "480p", "720p"]) {
      scene.publish([video25], name);
      await scene.send(5);
      await scene.leave();
    }
    const playlist = await scene.text("/720p/hls.m3u8");
    expect(playlist).toContain("#EXT-X-MEDIA-SEQUENCE:6\n");
    const [newest] = playlist.match(/s2-\d+\.m4s/g)!.slice(-1);
    expect((await scene.get(`/720p/${newest}`)).status).toBe(200);
  });

  test("never gets a file name twice, even for a rendition that was forgotten", async () => {
    await using scene = new LiveScene({ window: 4 });
    const names: string[] = [];
    for (const name of ["720p", "480p", "720p"]) {
      scene.publish([video25], name);
      await scene.send(14);
      for (const [uri] of (await scene.text(`/${name}/index.m3u8`)).matchAll(/[^"\n]*\.(?:m4s|mp4)/g))
        names.push(`${name}/${uri}`);
      await scene.leave();
    }
    expect(new Set(names).size).toBe(names.length);
  });

  test("ends when the packager is closed", async () => {
    const scene = new LiveScene(short);
    scene.publish([video25]);
    await scene.send(5);
    const answer = scene.get("/720p/index.m3u8?_HLS_msn=3");
    expect(await isPending(answer)).toBe(true);
    await scene.packager.close();
    expect(await (await answer).text()).toContain("#EXT-X-ENDLIST");
    expect(await scene.text("/720p/hls.m3u8")).toContain("#EXT-X-ENDLIST");
    expect(await scene.text("/index.mpd")).not.toContain("minimumUpdatePeriod");
    expect(scene.clock.timers).toBe(0);
    await expect(scene.packager.package([new MadeFeed("x", [video25.track])])).rejects.toMatchObject({
      code: "CLOSED",
    });
  });
});

describe("a rendition that hangs", () => {
  test("has gaps, and the others go on", async () => {
    await using scene = new LiveScene({ partDuration: 0.6, window: 8, maxLag: 2 });
    const small = madeVideoTrack({ id: 3, height: 480, width: 854 });
    const feeds = [new MadeFeed("720p", [video25.track]), new MadeFeed("480p", [small])];
    const packaging = scene.packager.package(feeds);
    await feeds[1]!.push(madePackets({ track: small, count: 70, duration: 3600, gop: 50, receivedAt: NOON }));
    await feeds[0]!.push(madePackets({ track: video25.track, count: 230, duration: 3600, gop: 50, receivedAt: NOON }));
    expect(await scene.text("/480p/hls.m3u8")).toMatchInlineSnapshot(`
      "#EXTM3U
      #EXT-X-VERSION:6
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-TARGETDURATION:2
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-DISCONTINUITY-SEQUENCE:0
      #EXT-X-MAP:URI="s0-init0.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:00.000Z
      #EXTINF:2,
      s0-0.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:02.000Z
      #EXT-X-GAP
      #EXTINF:2,
      s0-1.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:04.000Z
      #EXT-X-GAP
      #EXTINF:2,
      s0-2.m4s
      "
    `);
    for (const feed of feeds) feed.end();
    await packaging;
  });

  test("or fails is reported, and the others go on", async () => {
    const warnings: object[] = [];
    const silent = () => {};
    const logger = { debug: silent, info: silent, warn: (entry: object) => warnings.push(entry), error: silent };
    await using scene = new LiveScene({ ...short, logger });
    const small = madeVideoTrack({ id: 3, height: 480, width: 854 });
    const feeds = [new MadeFeed("720p", [video25.track]), new MadeFeed("480p", [small])];
    const packaging = scene.packager.package(feeds);
    const error = new Error("the encoder died");
    feeds[1]!.fail(error);
    await feeds[0]!.push(madePackets({ track: video25.track, count: 230, duration: 3600, gop: 50, receivedAt: NOON }));
    expect(warnings).toEqual([{ err: error, rendition: "480p" }]);
    expect(scene.packager.stats.renditions[0]!.segments).toBe(4);
    feeds[0]!.end();
    await packaging;
  });
});

describe("a rendition that cannot be packaged", () => {
  const vp9 = madeVideoTrack({ codec: "vp09.00.41.08" });
  const small = madeVideoTrack({ id: 3, height: 480, width: 854 });
  const packetsOf = (track: Track, count: number, start = 0) =>
    madePackets({ track, count, start, duration: 3600, gop: 50, receivedAt: NOON + start / 90 });
  const warned = () => {
    const warnings: { err: Error; rendition: string }[] = [];
    const silent = () => {};
    const warn = (entry: object) => warnings.push(entry as { err: Error; rendition: string });
    return { warnings, logger: { debug: silent, info: silent, warn, error: silent } };
  };

  test("is left out with a warning, and the others go on", async () => {
    const { warnings, logger } = warned();
    await using scene = new LiveScene({ logger });
    const feeds = [new MadeFeed("720p", [vp9]), new MadeFeed("480p", [small])];
    const packaging = scene.packager.package(feeds);
    await feeds[1]!.push(packetsOf(small, 230));
    expect(warnings).toMatchObject([{ err: { code: "UNSUPPORTED_CODEC" }, rendition: "720p" }]);
    expect(await scene.text("/index.m3u8")).not.toContain("720p");
    expect(scene.packager.stats.segments).toBe(4);
    feeds[1]!.end();
    await packaging;
  });

  test("and is the only one ends the call, which reads nothing then", async () => {
    await using scene = new LiveScene();
    const packaging = scene.packager.package([new MadeFeed("720p", [vp9, audio48.track])]);
    await expect(packaging).rejects.toMatchObject({ code: "UNSUPPORTED_CODEC" });
    scene.publish([video25]);
    await scene.send(5);
    expect(scene.packager.stats.segments).toBe(2);
  });

  test("any more is 404, and the others go on until the next session, which begins it anew", async () => {
    const { warnings, logger } = warned();
    await using scene = new LiveScene({ logger });
    const feeds = [new MadeFeed("720p", [video25.track]), new MadeFeed("480p", [small])];
    const packaging = scene.packager.package(feeds);
    for (const [index, track] of [video25.track, small].entries()) await feeds[index]!.push(packetsOf(track, 100));
    for (const [index, track] of [vp9, small].entries()) await feeds[index]!.push(packetsOf(track, 160, 360_000));
    expect(warnings).toMatchObject([{ err: { code: "UNSUPPORTED_CODEC" }, rendition: "720p" }]);
    expect((await scene.get("/720p/index.m3u8")).status).toBe(404);
    expect((await scene.get("/720p/s0-1.m4s")).status).toBe(200);
    expect(await scene.text("/index.m3u8")).not.toContain("720p");
    expect(await scene.text("/480p/hls.m3u8")).toContain("s0-4.m4s");
    for (const feed of feeds) feed.end();
    await packaging;
    scene.publish([video25]);
    await scene.send(5);
    expect(await scene.text("/720p/hls.m3u8")).toMatch(/s1-\d+\.m4s/);
  });

  test("any more, with no other, ends the call", async () => {
    await using scene = new LiveScene();
    const feed = new MadeFeed("720p", [video25.track]);
    const packaging = scene.packager.package([feed]);
    const end = expect(packaging).rejects.toMatchObject({ code: "UNSUPPORTED_CODEC" });
    await feed.push(packetsOf(video25.track, 100));
    void feed.push(packetsOf(vp9, 120, 360_000));
    await end;
    expect(await scene.text("/720p/hls.m3u8")).toContain("s0-1.m4s");
  });
});

describe("DASH", () => {
  test("lists whole segments, the one being made and the next, a set per kind, the clock and the wanted delay", async () => {
    await using scene = new LiveScene({ window: 8 });
    scene.publish([video25, audio44]);
    await scene.send(7.3);
    expect(await scene.text("/index.mpd")).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,http://www.dashif.org/guidelines/low-latency-live-v5" type="dynamic" availabilityStartTime="2026-01-01T12:00:00Z" publishTime="2026-01-01T12:00:07.300Z" minimumUpdatePeriod="PT1S" minBufferTime="PT0.21S" timeShiftBufferDepth="PT8S" suggestedPresentationDelay="PT1.2S" maxSegmentDuration="PT2S">
        <ServiceDescription id="0">
          <Latency referenceId="0" target="1200" max="3600" min="600"/>
          <PlaybackRate max="1.04" min="0.96"/>
        </ServiceDescription>
        <Period id="0" start="PT0S">
          <AdaptationSet id="0" contentType="video" segmentAlignment="true" mimeType="video/mp4" startWithSAP="1">
            <ProducerReferenceTime id="0" inband="true" type="encoder" wallClockTime="2026-01-01T12:00:00Z" presentationTime="0">
              <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="time"/>
            </ProducerReferenceTime>
            <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
            <Representation id="720p" bandwidth="408880" width="1280" height="720" frameRate="25" codecs="avc1.64001f">
              <SegmentTemplate media="$RepresentationID$/s0-$Number$.m4s" initialization="$RepresentationID$/s0-init0.mp4" timescale="90000" presentationTimeOffset="0" availabilityTimeOffset="1.79" availabilityTimeComplete="false" startNumber="0">
                <SegmentTimeline>
                  <S t="0" d="180000" r="4"/>
                </SegmentTimeline>
              </SegmentTemplate>
            </Representation>
          </AdaptationSet>
          <AdaptationSet id="1" lang="de" contentType="audio" segmentAlignment="true" mimeType="audio/mp4">
            <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
            <ProducerReferenceTime id="0" inband="true" type="encoder" wallClockTime="2026-01-01T12:00:00Z" presentationTime="0">
              <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="time"/>
            </ProducerReferenceTime>
            <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
            <Representation id="audio" bandwidth="77682" audioSamplingRate="44100" codecs="mp4a.40.2">
              <SegmentTemplate media="$RepresentationID$/s0-$Number$.m4s" initialization="$RepresentationID$/s0-init0.mp4" timescale="44100" presentationTimeOffset="0" availabilityTimeOffset="1.79" availabilityTimeComplete="false" startNumber="0">
                <SegmentTimeline>
                  <S t="0" d="89088"/>
                  <S d="88064" r="3"/>
                </SegmentTimeline>
              </SegmentTemplate>
            </Representation>
          </AdaptationSet>
        </Period>
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="time"/>
      </MPD>
      "
    `);
    expect(await scene.text("/time")).toBe("2026-01-01T12:00:07.300Z");
  });

  test("a period has all its representations from the first time that it is listed", async () => {
    await using scene = new LiveScene({ window: 8 });
    scene.publish([video25, audio48]);
    await scene.send(5);
    await scene.leave();
    scene.clock.advance(10_000);
    scene.publish([video25, audio48]);
    const seen: string[] = [];
    for (let step = 0; step < 100; step++) {
      await scene.send(0.02);
      const { periods } = parseMpd(await scene.text("/index.mpd"));
      const newest = periods.at(-1)!;
      const ids = newest.adaptationSets.flatMap(({ representations }) => representations.map(({ id }) => id));
      seen.push(`period ${newest.id} of ${ids}, ${newest.duration === undefined ? "open" : "over"}`);
    }
    expect([...new Set(seen)]).toEqual(["period 0 of 720p,audio, open", "period 1 of 720p,audio, open"]);
  });

  test("has a new period after the publisher came back", async () => {
    await using scene = new LiveScene({ window: 8 });
    scene.publish([video25]);
    await scene.send(5);
    await scene.leave();
    scene.clock.advance(10_000);
    scene.publish([video25]);
    await scene.send(3);
    expect(await scene.text("/index.mpd")).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,http://www.dashif.org/guidelines/low-latency-live-v5" type="dynamic" availabilityStartTime="2026-01-01T12:00:00Z" publishTime="2026-01-01T12:00:18Z" minimumUpdatePeriod="PT1S" minBufferTime="PT0.21S" timeShiftBufferDepth="PT8S" suggestedPresentationDelay="PT1.2S" maxSegmentDuration="PT2S">
        <ServiceDescription id="0">
          <Latency referenceId="0" target="1200" max="3600" min="600"/>
          <PlaybackRate max="1.04" min="0.96"/>
        </ServiceDescription>
        <Period id="0" start="PT0S" duration="PT5S">
          <AdaptationSet id="0" contentType="video" segmentAlignment="true" mimeType="video/mp4" startWithSAP="1">
            <ProducerReferenceTime id="0" inband="true" type="encoder" wallClockTime="2026-01-01T12:00:00Z" presentationTime="0">
              <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="time"/>
            </ProducerReferenceTime>
            <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
            <Representation id="720p" bandwidth="409120" width="1280" height="720" frameRate="25" codecs="avc1.64001f">
              <SegmentTemplate media="$RepresentationID$/s0-$Number$.m4s" initialization="$RepresentationID$/s0-init0.mp4" timescale="90000" presentationTimeOffset="0" startNumber="0">
                <SegmentTimeline>
                  <S t="0" d="180000" r="1"/>
                  <S d="90000"/>
                </SegmentTimeline>
              </SegmentTemplate>
            </Representation>
          </AdaptationSet>
        </Period>
        <Period id="1" start="PT15S">
          <AdaptationSet id="0" contentType="video" segmentAlignment="true" mimeType="video/mp4" startWithSAP="1">
            <ProducerReferenceTime id="0" inband="true" type="encoder" wallClockTime="2026-01-01T12:00:15Z" presentationTime="0">
              <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="time"/>
            </ProducerReferenceTime>
            <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
            <Representation id="720p" bandwidth="409120" width="1280" height="720" frameRate="25" codecs="avc1.64001f">
              <SegmentTemplate media="$RepresentationID$/s0-$Number$.m4s" initialization="$RepresentationID$/s0-init1.mp4" timescale="90000" presentationTimeOffset="0" availabilityTimeOffset="1.79" availabilityTimeComplete="false" startNumber="3">
                <SegmentTimeline>
                  <S t="0" d="180000" r="2"/>
                </SegmentTimeline>
              </SegmentTemplate>
            </Representation>
          </AdaptationSet>
        </Period>
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="time"/>
      </MPD>
      "
    `);
  });
});

describe("over time", () => {
  const playlists = ["/720p/index.m3u8", "/audio/index.m3u8", "/720p/hls.m3u8", "/audio/hls.m3u8"];

  test("playlists take nothing back that they said, over a publisher's reconnect and beyond the window", async () => {
    await using scene = new LiveScene({ window: 8 });
    for (const audio of [audio48, audio44]) {
      scene.publish([video25, audio]);
      await scene.send(2.1);
      for (let i = 0; i < 130; i++) {
        await scene.send(0.09);
        for (const path of playlists) await scene.text(path);
      }
      await scene.leave();
      for (const path of playlists) await scene.text(path);
      scene.clock.advance(2000);
    }
  });

  test("the MPD takes nothing back, nor what it expected", async () => {
    await using scene = new LiveScene({ window: 8 });
    scene.publish([video25, audio44]);
    await scene.send(2.1);
    for (let i = 0; i < 200; i++) {
      await scene.send(0.09);
      await scene.text("/index.mpd");
    }
    await scene.send(1.9);
  });
});

describe("memory", () => {
  test("is bounded in time: what has left the playlist stays for as long as a client may still want it", async () => {
    await using scene = new LiveScene({ window: 6 });
    scene.publish([video25]);
    await scene.send(60);
    const playlist = await scene.text("/720p/hls.m3u8");
    expect(playlist).toContain("#EXT-X-MEDIA-SEQUENCE:26\n");
    expect((await scene.get("/720p/s0-22.m4s")).status).toBe(200);
    expect((await scene.get("/720p/s0-20.m4s")).status).toBe(404);
    const held = scene.packager.stats.heldBytes;
    await scene.send(60);
    expect(Math.abs(scene.packager.stats.heldBytes - held)).toBeLessThan(held / 10);
  });

  test("is bounded in bytes: the oldest segments leave in all renditions at once", async () => {
    const maxBytes = 500_000;
    await using scene = new LiveScene({ maxBytes });
    scene.publish([{ ...video25, size: 4000 }, audio48]);
    for (let i = 0; i < 60; i++) {
      await scene.send(0.5);
      expect(scene.packager.stats.heldBytes).toBeLessThanOrEqual(maxBytes);
    }
    expect(scene.packager.stats.evictedEarly).toBeGreaterThan(0);
    const first = (text: string) => /MEDIA-SEQUENCE:(\d+)/.exec(text)?.[1];
    expect(first(await scene.text("/720p/index.m3u8"))).toBe(first(await scene.text("/audio/index.m3u8")));
  });
});

test("finished segments are handed out as they are made", async () => {
  const finished: string[] = [];
  await using scene = new LiveScene({
    onSegment: ({ rendition, name, duration, bytes, init }) =>
      finished.push(`${rendition}/${name} ${duration} ${bytes.length} ${init.name}`),
  });
  scene.publish([video25]);
  await scene.send(4.2);
  expect(finished).toEqual(["720p/s0-0.m4s 2 102220 s0-init0.mp4", "720p/s0-1.m4s 2 102220 s0-init0.mp4"]);
});

test("two publishers at a time, and none with tracks, are refused", async () => {
  await using scene = new LiveScene();
  scene.publish([video25]);
  await expect(scene.packager.package([new MadeFeed("x", [video25.track])])).rejects.toMatchObject({ code: "CLOSED" });
  await using other = new LiveScene();
  await expect(other.packager.package([new MadeFeed("x", [])])).rejects.toMatchObject({ code: "NO_TRACKS" });
  await expect(other.packager.package([new MadeFeed("a/b", [video25.track])])).rejects.toMatchObject({
    code: "INVALID_OPTION",
  });
});
