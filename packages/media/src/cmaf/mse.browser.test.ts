import { type BrowserSession, launchChromium, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Packet, Track } from "../track.ts";
import { writeFragment } from "./fragment-writer.ts";
import { writeInitSegment } from "./init-writer.ts";
import { trackFixture } from "./testing.ts";

interface Stream {
  readonly mimeType: string;
  readonly segments: readonly string[];
}

interface Played {
  readonly error: string | null;
  readonly buffered: readonly (readonly [number, number])[];
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly dropped: number;
  readonly ended: boolean;
}

/** One init segment and fragments of three packets, as text that can go to a page. */
function stream(
  name: string,
  kind?: Track["kind"],
): Stream & { readonly track: Track; readonly packets: readonly Packet[] } {
  const { track, packets } = trackFixture(name, kind);
  const segments = [base64(writeInitSegment({ tracks: [track] }))];
  for (let at = 0; at < packets.length; at += 3) {
    const sequenceNumber = segments.length;
    const part = packets.slice(at, at + 3);
    const emsg = [{ schemeIdUri: "urn:x", timescale: 1, presentationTime: 0, id: sequenceNumber }];
    segments.push(
      base64(writeFragment({ track, packets: part, sequenceNumber, styp: ["cmfl"], prft: { wallClock: 0 }, emsg })),
    );
  }
  return { mimeType: `${track.kind}/mp4; codecs="${track.codec}"`, segments, track, packets };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Runs in the page: appends everything by Media Source Extensions and plays it to its end. */
async function play(streams: readonly Stream[]): Promise<Played> {
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const source = new MediaSource();
  const failed = new Promise<string>((resolve) => {
    video.addEventListener("error", () => resolve(video.error?.message ?? "error"));
  });
  video.src = URL.createObjectURL(source);
  await new Promise((resolve) => source.addEventListener("sourceopen", resolve, { once: true }));
  const append = async ({ mimeType, segments }: Stream) => {
    const buffer = source.addSourceBuffer(mimeType);
    for (const segment of segments) {
      const updated = new Promise((resolve) => buffer.addEventListener("updateend", resolve, { once: true }));
      buffer.appendBuffer(Uint8Array.from(atob(segment), (letter) => letter.charCodeAt(0)));
      await updated;
    }
  };
  const playing = async () => {
    await Promise.all(streams.map(append));
    source.endOfStream();
    const ended = new Promise((resolve) => video.addEventListener("ended", resolve, { once: true }));
    if (video.buffered.length > 0) video.currentTime = video.buffered.start(0);
    await video.play();
    await ended;
    return null;
  };
  const error = await Promise.race([failed, playing()]);
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
  const buffered = Array.from(
    { length: video.buffered.length },
    (_, i) => [video.buffered.start(i), video.buffered.end(i)] as const,
  );
  const { videoWidth: width, videoHeight: height, ended } = video;
  video.remove();
  return { error, buffered, width, height, frames: totalVideoFrames, dropped: droppedVideoFrames, ended };
}

describe.skipIf(peer("chromium") === null)("Chromium's Media Source Extensions", () => {
  let session: BrowserSession;
  beforeAll(async () => {
    session = await launchChromium();
  });
  afterAll(() => session[Symbol.asyncDispose]());

  async function inPage(streams: readonly Stream[]): Promise<Played> {
    const page = await session.page();
    const played = await page.evaluate(
      play,
      streams.map(({ mimeType, segments }) => ({ mimeType, segments })),
    );
    await page.context().close();
    return played;
  }

  async function supports(mimeType: string): Promise<boolean> {
    const page = await session.page();
    const supported = await page.evaluate((type) => MediaSource.isTypeSupported(type), mimeType);
    await page.context().close();
    return supported;
  }

  test.each(["ffmpeg-h264-bframes-aac-frag-every-frame.mp4", "ffmpeg-av1.mp4"])(
    "plays our fragments of %s",
    async (name) => {
      const video = stream(name);
      const played = await inPage([video]);
      expect(played).toMatchObject({ error: null, width: 160, height: 90, ended: true });
      expect(played.buffered).toHaveLength(1);
      const [start, end] = played.buffered[0]!;
      const times = video.packets.map(({ pts }) => pts / video.track.timescale);
      expect(start).toBeCloseTo(Math.min(...times), 3);
      expect(end).toBeCloseTo(Math.max(...times) + 0.04, 3);
      expect(played.frames).toBeGreaterThan(0);
    },
  );

  test("plays our fragments of Opus", async () => {
    const audio = stream("ffmpeg-opus.mp4");
    const played = await inPage([audio]);
    expect(played).toMatchObject({ error: null, width: 0, ended: true });
    expect(played.buffered).toHaveLength(1);
    const last = audio.packets.at(-1)!;
    expect(played.buffered[0]![1]).toBeCloseTo((last.pts + last.duration) / audio.track.timescale, 2);
  });

  test("plays H.264 and AAC from two source buffers", async () => {
    const played = await inPage([
      stream("ffmpeg-h264-aac-edit-lists.mp4"),
      stream("ffmpeg-h264-aac-edit-lists.mp4", "audio"),
    ]);
    expect(played).toMatchObject({ error: null, width: 160, height: 90, ended: true });
    expect(played.buffered).toHaveLength(1);
  });

  test("plays HEVC where it has a decoder", async ({ skip }) => {
    const video = stream("ffmpeg-hevc-hev1.mp4");
    const supported = await supports(video.mimeType);
    skip(!supported, `MediaSource.isTypeSupported(${video.mimeType}) is false in this Chromium`);
    expect(await inPage([video])).toMatchObject({ error: null, width: 160, height: 90, ended: true });
  });

  test("plays MP3 as a file; its Media Source Extensions take no MP3 in MP4", async () => {
    const audio = stream("ffmpeg-mp3.mp4");
    expect(await supports(audio.mimeType)).toBe(false);
    const page = await session.page();
    const played = await page.evaluate(playFile, audio.segments);
    await page.context().close();
    expect(played.error).toBeNull();
    expect(played.duration).toBeCloseTo(0.5, 1);
  });
});

/** Runs in the page: plays everything as one file. */
async function playFile(segments: readonly string[]): Promise<{ error: string | null; duration: number }> {
  const audio = document.createElement("audio");
  audio.muted = true;
  const parts = segments.map((segment) => Uint8Array.from(atob(segment), (letter) => letter.charCodeAt(0)));
  audio.src = URL.createObjectURL(new Blob(parts, { type: "audio/mp4" }));
  const failed = new Promise<string>((resolve) => {
    audio.addEventListener("error", () => resolve(audio.error?.message ?? "error"));
  });
  const ended = new Promise<null>((resolve) => audio.addEventListener("ended", () => resolve(null)));
  await audio.play();
  const error = await Promise.race([failed, ended]);
  return { error, duration: audio.currentTime };
}
