import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { audio48, isPending, LiveScene, video25 } from "./testing/live-scene.ts";
import { madeVideoTrack } from "./testing/made-packets.ts";

async function live(seconds = 6.6): Promise<LiveScene> {
  const scene = new LiveScene();
  scene.publish([video25, audio48]);
  await scene.send(seconds);
  return scene;
}

describe("a blocking reload", () => {
  test("waits for the part it names, and no longer", async () => {
    await using scene = await live(6.41);
    const answer = scene.get("/720p/index.m3u8?_HLS_msn=3&_HLS_part=2");
    expect(await isPending(answer)).toBe(true);
    await scene.send(0.15);
    expect(await isPending(answer)).toBe(true);
    await scene.send(0.05);
    const response = await answer;
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('#EXT-X-PART:DURATION=0.2,URI="s0-p32.m4s"\n#EXT-X-PRELOAD-HINT');
  });

  test("without a part waits for the whole segment", async () => {
    await using scene = await live(6.4);
    const answer = scene.get("/720p/index.m3u8?_HLS_msn=3");
    await scene.send(1.6);
    expect(await isPending(answer)).toBe(true);
    await scene.send(0.04);
    expect(await (await answer).text()).toContain("s0-3.m4s");
  });

  test("for a part past the end of a segment waits for part 0 of the next", async () => {
    await using scene = await live(7.9);
    const answer = scene.get("/720p/index.m3u8?_HLS_msn=3&_HLS_part=10");
    await scene.send(0.2);
    expect(await isPending(answer)).toBe(true);
    await scene.send(0.1);
    const text = await (await answer).text();
    expect(text).toContain("s0-3.m4s");
    expect(text).toContain('URI="s0-p40.m4s",INDEPENDENT=YES');
  });

  test("of what is there is answered at once", async () => {
    await using scene = await live();
    for (const query of ["_HLS_msn=0", "_HLS_msn=2&_HLS_part=9", "_HLS_msn=1&_HLS_part=99", "_HLS_msn=3&_HLS_part=0"]) {
      expect((await scene.get(`/720p/index.m3u8?${query}`)).status).toBe(200);
    }
    expect(scene.packager.stats.waiting).toBe(0);
  });

  test.each([
    ["_HLS_msn=5", "more than two beyond the last segment"],
    ["_HLS_msn=999999999999999", "absurdly far"],
    ["_HLS_msn=3&_HLS_part=40", "more parts ahead than three seconds hold"],
    ["_HLS_part=1", "a part without a segment"],
    ["_HLS_msn=-1", "a negative number"],
    ["_HLS_msn=1e3", "not a decimal number"],
    ["_HLS_msn=", "nothing"],
  ])("for %s is refused: %s", async (query) => {
    await using scene = await live();
    expect((await scene.get(`/720p/index.m3u8?${query}`)).status).toBe(400);
  });

  test("of two segments ahead waits", async () => {
    await using scene = await live();
    const answer = scene.get("/720p/index.m3u8?_HLS_msn=4");
    expect(await isPending(answer)).toBe(true);
    await scene.send(4);
    expect((await answer).status).toBe(200);
  });

  test("ends with 503 after three target durations", async () => {
    await using scene = await live();
    const answer = scene.get("/720p/index.m3u8?_HLS_msn=4");
    expect(await isPending(answer)).toBe(true);
    scene.clock.advance(5999);
    expect(await isPending(answer)).toBe(true);
    scene.clock.advance(1);
    expect((await answer).status).toBe(503);
    expect(scene.clock.timers).toBe(0);
  });

  test("ends when its client leaves", async () => {
    await using scene = await live();
    const leaving = new AbortController();
    const answer = scene.get("/720p/index.m3u8?_HLS_msn=4", { signal: leaving.signal });
    expect(await isPending(answer)).toBe(true);
    leaving.abort();
    await answer;
    expect(scene.packager.stats.waiting).toBe(0);
    expect(scene.clock.timers).toBe(0);
  });

  test("of the audio is answered by audio parts", async () => {
    await using scene = await live(6.4);
    const answer = scene.get("/audio/index.m3u8?_HLS_msn=3&_HLS_part=2");
    expect(await isPending(answer)).toBe(true);
    await scene.send(0.3);
    expect((await answer).status).toBe(200);
  });

  test("beyond the bound of waiting requests is answered at once", async () => {
    await using scene = new LiveScene({ maxWaiting: 1 });
    scene.publish([video25]);
    await scene.send(5);
    const first = scene.get("/720p/index.m3u8?_HLS_msn=3");
    expect(await isPending(first)).toBe(true);
    expect((await scene.get("/720p/index.m3u8?_HLS_msn=3")).status).toBe(503);
  });
});

describe("a hinted part", () => {
  test("is held, then streamed while it is made", async () => {
    await using scene = await live(6.405);
    expect(await scene.text("/720p/index.m3u8")).toContain('#EXT-X-PRELOAD-HINT:TYPE=PART,URI="s0-p32.m4s"');
    const answer = scene.get("/720p/s0-p32.m4s");
    expect(await isPending(answer)).toBe(true);
    await scene.send(0.12);
    const response = await answer;
    expect(response.headers.get("Content-Length")).toBeNull();
    const reader = response.body!.getReader();
    const first = await reader.read();
    expect(first.value!.length).toBeGreaterThan(6000);
    const second = reader.read();
    expect(await isPending(second)).toBe(true);
    await scene.send(0.08);
    expect((await second).value!.length).toBeGreaterThan(4000);
    expect((await reader.read()).done).toBe(true);
    const whole = await scene.get("/720p/s0-p32.m4s");
    const length = Number(whole.headers.get("Content-Length"));
    expect(length).toBe(first.value!.length + (await second).value!.length);
  });

  test("keeps its name when a keyframe ends the segment", async () => {
    await using scene = await live(8);
    expect(await scene.text("/720p/index.m3u8")).toContain('URI="s0-p40.m4s"');
    const answer = scene.get("/720p/s0-p40.m4s");
    await scene.send(0.3);
    expect((await answer).status).toBe(200);
    expect(await scene.text("/720p/index.m3u8")).toContain('#EXT-X-PART:DURATION=0.2,URI="s0-p40.m4s",INDEPENDENT=YES');
  });

  test("that never comes is 404 after three target durations, one further ahead at once", async () => {
    await using scene = await live();
    const answer = scene.get("/720p/s0-p33.m4s");
    expect(await isPending(answer)).toBe(true);
    expect((await scene.get("/720p/s0-p34.m4s")).status).toBe(404);
    scene.clock.advance(6000);
    expect((await answer).status).toBe(404);
  });
});

describe("a segment", () => {
  test("is streamed to DASH clients while it grows", async () => {
    await using scene = await live(6.6);
    const response = await scene.get("/720p/s0-3.m4s");
    expect(response.headers.get("Content-Length")).toBeNull();
    const reader = response.body!.getReader();
    const chunks: Uint8Array[] = [];
    for (let i = 0; i < 6; i++) chunks.push((await reader.read()).value!);
    const next = reader.read();
    expect(await isPending(next)).toBe(true);
    await scene.send(1.5);
    for (let chunk = await next; !chunk.done; chunk = await reader.read()) chunks.push(chunk.value);
    const whole = new Uint8Array(await (await scene.get("/720p/s0-3.m4s")).arrayBuffer());
    expect(Buffer.concat(chunks).equals(whole)).toBe(true);
  });

  test("is the parts put together", async () => {
    await using scene = await live();
    for (const id of ["720p", "audio"]) {
      const segment = new Uint8Array(await (await scene.get(`/${id}/s0-2.m4s`)).arrayBuffer());
      const playlist = await scene.text(`/${id}/index.m3u8`);
      const before = playlist.slice(playlist.indexOf("s0-1.m4s"), playlist.indexOf("s0-2.m4s"));
      const parts = [...before.matchAll(/s0-p\d+\.m4s/g)].map(([name]) => name);
      const bodies = await Promise.all(
        parts.map(async (name) => Buffer.from(await (await scene.get(`/${id}/${name}`)).arrayBuffer())),
      );
      expect(Buffer.concat(bodies).equals(segment)).toBe(true);
    }
  });

  test("about to begin is held, as DASH lists it by estimate", async () => {
    await using scene = await live(8);
    const answer = scene.get("/720p/s0-4.m4s");
    expect(await isPending(answer)).toBe(true);
    await scene.send(0.2);
    expect((await answer).status).toBe(200);
  });

  test("that gets nothing for three target durations is broken off, not ended", async () => {
    await using scene = await live(6.6);
    const reader = (await scene.get("/720p/s0-3.m4s")).body!.getReader();
    for (let i = 0; i < 6; i++) await reader.read();
    const next = reader.read();
    scene.clock.advance(5999);
    expect(await isPending(next)).toBe(true);
    expect(scene.packager.stats.waiting).toBe(1);
    scene.clock.advance(1);
    await expect(next).rejects.toMatchObject({ code: "CLOSED" });
    expect([scene.packager.stats.waiting, scene.clock.timers]).toEqual([0, 0]);
  });

  test("that grows is one of the requests that are held, until its reader leaves", async () => {
    await using scene = new LiveScene({ maxWaiting: 1 });
    scene.publish([video25]);
    await scene.send(4.5);
    const reader = (await scene.get("/720p/s0-2.m4s")).body!.getReader();
    await reader.read();
    expect((await scene.get("/720p/s0-2.m4s")).status).toBe(503);
    expect((await scene.get("/720p/s0-1.m4s")).status).toBe(200);
    const [next] = Array.from({ length: 9 }, () => reader.read()).slice(-1);
    expect(await isPending(next!)).toBe(true);
    await reader.cancel();
    expect((await next!).done).toBe(true);
    expect([scene.packager.stats.waiting, scene.clock.timers]).toEqual([0, 0]);
    expect((await scene.get("/720p/s0-2.m4s")).status).toBe(200);
  });

  test("that left memory while it was streamed slowly ends with an error", async () => {
    await using scene = new LiveScene({ window: 4 });
    scene.publish([video25]);
    await scene.send(4.5);
    const reader = (await scene.get("/720p/s0-2.m4s")).body!.getReader();
    await reader.read();
    await scene.send(20);
    await expect(reader.read()).rejects.toMatchObject({ code: "CLOSED" });
  });
});

describe("headers", () => {
  test.each([
    ["/index.m3u8", "application/vnd.apple.mpegurl", "max-age=1"],
    ["/hls.m3u8", "application/vnd.apple.mpegurl", "max-age=1"],
    ["/720p/index.m3u8", "application/vnd.apple.mpegurl", "no-cache"],
    ["/720p/index.m3u8?_HLS_msn=3&_HLS_part=0", "application/vnd.apple.mpegurl", "max-age=12"],
    ["/720p/hls.m3u8", "application/vnd.apple.mpegurl", "max-age=1"],
    ["/index.mpd", "application/dash+xml", "max-age=1"],
    ["/time", "text/plain", "no-store"],
    ["/720p/s0-init0.mp4", "video/mp4", "public, max-age=31536000, immutable"],
    ["/720p/s0-1.m4s", "video/mp4", "public, max-age=31536000, immutable"],
    ["/720p/s0-p12.m4s", "video/mp4", "public, max-age=31536000, immutable"],
    ["/audio/s0-1.m4s", "audio/mp4", "public, max-age=31536000, immutable"],
    ["/audio/s0-init0.mp4", "audio/mp4", "public, max-age=31536000, immutable"],
  ])("of %s", async (path, type, cache) => {
    await using scene = await live();
    const response = await scene.get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe(type);
    expect(response.headers.get("Cache-Control")).toBe(cache);
    const head = await scene.get(path, { method: "HEAD" });
    expect([head.status, head.headers.get("Content-Length")]).toEqual([200, response.headers.get("Content-Length")]);
    expect(await head.text()).toBe("");
  });
});

test("the newest playlist may be kept by an edge, though by no player; what a reload names needs no such word", async () => {
  await using scene = await live();
  const fields = async (path: string) => (await scene.get(path)).headers.get("CDN-Cache-Control");
  expect(await fields("/720p/index.m3u8")).toBe("max-age=1");
  expect(await fields("/720p/index.m3u8?_HLS_msn=3&_HLS_part=0")).toBeNull();
});

test("a whole answer carries its bytes for a server that can send them without a stream, a growing one does not", async () => {
  await using scene = await live();
  const tag = Symbol.for("@ami-streams/cdn.responseBytes");
  for (const path of ["/720p/s0-init0.mp4", "/720p/s0-1.m4s", "/720p/s0-p12.m4s"]) {
    const response = await scene.get(path);
    expect(Reflect.get(response, tag)).toEqual(new Uint8Array(await response.arrayBuffer()));
  }
  expect(Reflect.has(await scene.get("/720p/index.m3u8"), tag)).toBe(false);
});

describe("a request that makes no sense", () => {
  test.each([
    ["/", 400],
    ["/nothing", 404],
    ["/480p/index.m3u8", 404],
    ["/720p/other.m3u8", 404],
    ["/720p/s0-99.m4s", 404],
    ["/720p/s0-.m4s", 404],
    ["/720p/s0-p-1.m4s", 404],
    ["/720p/s0-1.m4s.bak", 404],
    ["/720p/s0-99999999999999999999.m4s", 404],
    ["/720p/s0-init7.mp4", 404],
    ["/720p/x-1.m4s", 404],
    ["/720p/a/b", 404],
    ["/720p//index.m3u8", 400],
    ["/720p/%2e%2e%2findex.m3u8", 400],
    ["/..%2f..%2fetc%2fpasswd", 400],
    ["/720p/%00", 400],
    ["/720p/%", 400],
    ["/720p/<script>", 400],
  ])("%s gets %d", async (path, status) => {
    await using scene = await live();
    const response = await scene.get(path);
    expect(response.status).toBe(status);
    if (status === 404) expect(response.headers.get("Cache-Control")).toBe("max-age=1");
  });

  test("by another method is 405", async () => {
    await using scene = await live();
    const response = await scene.get("/index.m3u8", { method: "POST" });
    expect([response.status, response.headers.get("Allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("never ends in an exception, whatever path and query", async () => {
    await using scene = await live();
    await fc.assert(
      fc.asyncProperty(fc.webPath(), fc.webQueryParameters(), async (path, query) => {
        const answer = scene.get(`/720p${path}?${query}`);
        if (await isPending(answer)) scene.clock.advance(6000);
        expect((await answer).status).toBeGreaterThanOrEqual(200);
      }),
    );
  });
});

describe("a rendition that a publisher brings when it comes back", () => {
  const video1080 = { ...video25, track: madeVideoTrack({ width: 1920, height: 1080 }) };
  async function back(): Promise<LiveScene> {
    const scene = await live(11.5);
    await scene.leave();
    scene.publish([video1080, audio48], "1080p");
    return scene;
  }

  test("has playlists from its first part and its first whole segment on", async () => {
    await using scene = await back();
    const soon = ["/1080p/index.m3u8", "/1080p/index.m3u8?_HLS_msn=6&_HLS_part=0"].map((path) => scene.get(path));
    const later = ["/1080p/hls.m3u8", "/1080p/index.m3u8?_HLS_msn=6"].map((path) => scene.get(path));
    const never = scene.get("/1080p/index.m3u8?_HLS_msn=60");
    for (const answer of [...soon, ...later, never]) expect(await isPending(answer)).toBe(true);
    await scene.send(0.15);
    for (const answer of soon) expect(await isPending(answer)).toBe(true);
    await scene.send(0.15);
    for (const answer of soon) expect(await (await answer).text()).toContain('URI="s1-p0.m4s",INDEPENDENT=YES');
    expect((await never).status).toBe(400);
    for (const answer of later) expect(await isPending(answer)).toBe(true);
    await scene.send(2);
    for (const answer of later) expect(await (await answer).text()).toContain("\ns1-6.m4s\n");
  });

  test("and that gives nothing is 503 after three target durations", async () => {
    await using scene = await back();
    const answers = ["/1080p/index.m3u8", "/1080p/hls.m3u8", "/1080p/index.m3u8?_HLS_msn=6"].map((path) =>
      scene.get(path),
    );
    for (const answer of answers) expect(await isPending(answer)).toBe(true);
    scene.clock.advance(6000);
    for (const answer of answers) expect((await answer).status).toBe(503);
    expect(scene.packager.stats.waiting).toBe(0);
    await scene.send(2.2);
  });

  test("and that it does not bring the next time is 404 at once for who waits", async () => {
    await using scene = await back();
    const answers = ["/1080p/index.m3u8", "/1080p/hls.m3u8"].map((path) => scene.get(path));
    for (const answer of answers) expect(await isPending(answer)).toBe(true);
    await scene.leave();
    scene.publish([video25, audio48]);
    await scene.send(2.2);
    for (const answer of answers) expect((await answer).status).toBe(404);
  });
});

describe("before the first segment is whole", () => {
  test("playlists wait for it", async () => {
    await using scene = new LiveScene();
    const early = scene.get("/index.m3u8");
    scene.publish([video25, audio48]);
    await scene.send(1.9);
    const media = scene.get("/720p/index.m3u8");
    const dash = scene.get("/index.mpd");
    for (const answer of [early, media, dash]) expect(await isPending(answer)).toBe(true);
    await scene.send(0.2);
    for (const answer of [early, media, dash]) expect((await answer).status).toBe(200);
  });

  test("playlists are 503 after ten seconds", async () => {
    await using scene = new LiveScene();
    const answer = scene.get("/index.m3u8");
    expect(await isPending(answer)).toBe(true);
    scene.clock.advance(10_000);
    const response = await answer;
    expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "1"]);
  });
});
