/**
 * What passing through and packaging one 2.5 Mb/s stream costs, in percent of a core, and where it goes.
 *
 * Ten minutes of media go through a packager as fast as it takes them, while one edge asks for everything there is: blocking reloads of both playlists,
 * every part and every segment, and the MPD once a second. The CPU time of the process over the time of the media is the cost.
 */

import { Session } from "node:inspector/promises";
import type { AudioTrack, Packet, VideoTrack } from "@ami-streams/media";
import { createPackager } from "../src/index.ts";

const SECONDS = 600;
const FRAME_RATE = 30;
const GOP = 60;
const VIDEO_BITRATE = 2_372_000;
const AUDIO_BITRATE = 128_000;

const video: VideoTrack = {
  id: 1,
  kind: "video",
  codec: "avc1.64001f",
  timescale: 90_000,
  config: new Uint8Array(40),
  width: 1280,
  height: 720,
  frameRate: FRAME_RATE,
};
const audio: AudioTrack = {
  id: 2,
  kind: "audio",
  codec: "mp4a.40.2",
  timescale: 48_000,
  config: Uint8Array.of(0x11, 0x90),
  sampleRate: 48_000,
  channels: 2,
};

/** Keyframes are eight times as large as the others, as x264 makes them at this rate. */
function* clip(seconds: number): Generator<Packet> {
  const unit = ((VIDEO_BITRATE / 8) * (GOP / FRAME_RATE)) / (GOP + 7);
  const key = new Uint8Array(unit * 8);
  const frame = new Uint8Array(unit);
  const sound = new Uint8Array((AUDIO_BITRATE / 8) * (1024 / 48_000));
  let audioTicks = 0;
  for (let i = 0; i < seconds * FRAME_RATE; i++) {
    const keyframe = i % GOP === 0;
    const dts = i * 3000;
    yield {
      track: video,
      dts,
      pts: dts + 6000,
      duration: 3000,
      keyframe,
      data: keyframe ? key : frame,
      receivedAt: i * (1000 / FRAME_RATE),
    };
    for (; audioTicks / 48_000 < (i + 1) / FRAME_RATE; audioTicks += 1024) {
      yield { track: audio, dts: audioTicks, pts: audioTicks, duration: 1024, keyframe: true, data: sound };
    }
  }
}

/** Packages, and fetches everything as soon as it is there. */
async function run(seconds: number, fetches: boolean): Promise<{ readonly bytes: number }> {
  await using packager = createPackager({ name: "bench" });
  let bytes = 0;
  const get = async (path: string): Promise<string> => {
    const response = await packager.handle(new Request(`http://stream${path}`));
    const body = new Uint8Array(await response.arrayBuffer());
    bytes += body.length;
    return path.includes("m3u8") ? new TextDecoder().decode(body) : "";
  };
  const seen = new Set<string>();
  const follow = async (id: string): Promise<void> => {
    const playlist = await get(`/${id}/index.m3u8?_HLS_skip=YES`);
    for (const [name] of playlist.matchAll(/[\w-]+\.m4s/g)) {
      if (seen.has(`${id}/${name}`) || playlist.includes(`PRELOAD-HINT:TYPE=PART,URI="${name}"`)) continue;
      seen.add(`${id}/${name}`);
      await get(`/${id}/${name}`);
    }
  };
  let parts = 0;
  let media = 0;
  const source = {
    name: "720p",
    tracks: [video, audio],
    async *packets(): AsyncGenerator<Packet> {
      for (const packet of clip(seconds)) {
        yield packet;
        if (!fetches || packet.track !== video) continue;
        media++;
        const made = packager.stats.parts;
        if (made === parts || media < 200) continue;
        parts = made;
        await follow("720p");
        await follow("audio");
        if (media % FRAME_RATE === 0) await get("/index.mpd");
      }
    },
  };
  await packager.package([source]);
  return { bytes };
}

/** Self time by file or built-in, from V8's sampling profiler. */
async function profiled(work: () => Promise<unknown>): Promise<[string, number][]> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 250 });
  await session.post("Profiler.start");
  await work();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  const byId = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const time = new Map<string, number>();
  let total = 0;
  for (const [i, id] of (profile.samples ?? []).entries()) {
    const { url, functionName } = byId.get(id)!;
    if (functionName === "(idle)" || functionName === "(program)") continue;
    const place = url.startsWith("file:")
      ? url.replace(/.*packages\//, "").replace("src/", "")
      : url.startsWith("node:internal/deps/undici")
        ? "Node: Request, Response"
        : functionName.startsWith("(")
          ? functionName
          : url === ""
            ? "V8 built-ins"
            : "Node: the rest";
    const spent = profile.timeDeltas?.[i] ?? 0;
    total += spent;
    time.set(place, (time.get(place) ?? 0) + spent);
  }
  return [...time].map(([place, spent]): [string, number] => [place, spent / total]).sort((a, b) => b[1] - a[1]);
}

async function cost(fetches: boolean): Promise<number> {
  const before = process.cpuUsage();
  await run(SECONDS, fetches);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / SECONDS;
}

await run(60, true);
const packaging = await cost(false);
const serving = await cost(true);
console.log("passing through and packaging one 2.5 Mb/s stream (720p30 + AAC), percent of a core");
console.log(`  packaging alone                         ${(packaging * 100).toFixed(3)} %`);
console.log(`  and giving all of it to one edge        ${(serving * 100).toFixed(3)} %`);
console.log("where it goes, both together");
for (const [place, share] of (await profiled(() => run(SECONDS, true))).slice(0, 14)) {
  console.log(`  ${(share * 100).toFixed(1).padStart(5)} %  ${place}`);
}
