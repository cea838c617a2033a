import { expect, test } from "vitest";
import { createEncoder } from "../create-encoder.ts";
import { isTooOld } from "./backend.ts";

test.each([
  ["ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", true],
  ["ffmpeg version 5.0.1 Copyright", true],
  ["ffmpeg version 5.1.9-0+deb12u1 Copyright", false],
  ["ffmpeg version n8.0 Copyright", false],
  ["ffmpeg version N-118000-gabcdef Copyright", false],
])("%s: too old is %s", (line, expected) => {
  expect(isTooOld(line)).toBe(expected);
});

test("a program that is not there is an error that says what to install", async () => {
  const config = new Uint8Array();
  const track = {
    kind: "audio",
    id: 1,
    codec: "mp4a.40.2",
    timescale: 48_000,
    config,
    sampleRate: 48_000,
    channels: 2,
  } as const;
  const source = { tracks: [track], async *packets() {} };
  const rungs = [{ name: "audio", audio: { codec: "aac", sampleRate: 48_000, channels: 2, bitrate: 96_000 } }] as const;
  await expect(
    createEncoder({ backend: "ffmpeg", ffmpegPath: "/does/not/exist", source, rungs }),
  ).rejects.toMatchObject({
    code: "BACKEND_NOT_INSTALLED",
    message: expect.stringContaining("apt-get install ffmpeg"),
  });
});
