import { describe, expect, test } from "vitest";
import { frameRate, hex, recordedConfigs } from "./testing.ts";
import { audioTrackFromConfig, videoTrackFromConfig } from "./tracks.ts";

describe("a video track", () => {
  test.each((["h264", "hevc"] as const).flatMap((codec) => recordedConfigs(codec).map((it) => ({ codec, ...it }))))(
    "of $codec $name has the dimensions and frame rate that ffprobe tells",
    ({ codec, config, ffprobe }) => {
      expect(videoTrackFromConfig({ codec, config, id: 1, timescale: 90_000 })).toEqual({
        kind: "video",
        id: 1,
        codec: expect.stringMatching(
          codec === "h264" ? /^avc1\.[0-9a-f]{6}$/ : /^hvc1\.\d\.\d+\.L\d+(\.[0-9A-F]{1,2})*$/,
        ),
        timescale: 90_000,
        config,
        width: ffprobe.width,
        height: ffprobe.height,
        frameRate: frameRate(ffprobe.r_frame_rate),
      });
    },
  );

  test.each(recordedConfigs("av1"))("of av1 $name has the dimensions that ffprobe tells", ({ config, ffprobe }) => {
    const { width, height } = ffprobe;
    const track = videoTrackFromConfig({ codec: "av1", config, id: 1, timescale: 90_000 });
    expect(track).toMatchObject({ codec: expect.stringMatching(/^av01\./), width, height, config });
    expect("frameRate" in track).toBe(false);
  });

  test("takes what its source knows better", () => {
    const { config } = recordedConfigs("h264")[0]!;
    const known = { id: 7, timescale: 1000, frameRate: 24, bitrate: 2_500_000, name: "720p", language: "de" };
    expect(videoTrackFromConfig({ codec: "h264", config, ...known })).toMatchObject(known);
  });

  test("is refused without parameter sets, or with a senseless id or timescale", () => {
    const malformed = expect.objectContaining({ code: "MALFORMED" });
    const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
    const empty = hex("0164001fffe000");
    expect(() => videoTrackFromConfig({ codec: "h264", config: empty, id: 1, timescale: 1 })).toThrow(malformed);
    expect(() => videoTrackFromConfig({ codec: "av1", config: hex("81004c00"), id: 1, timescale: 1 })).toThrow(
      malformed,
    );
    const { config } = recordedConfigs("hevc")[0]!;
    expect(() => videoTrackFromConfig({ codec: "hevc", config, id: 0, timescale: 1 })).toThrow(invalid);
    expect(() => videoTrackFromConfig({ codec: "hevc", config, id: 1, timescale: 0.5 })).toThrow(invalid);
  });
});

describe("an audio track", () => {
  test("of AAC has the output's rate and channels", () => {
    const config = hex("eb8a0800");
    expect(audioTrackFromConfig({ codec: "aac", config, id: 2 })).toEqual({
      kind: "audio",
      id: 2,
      codec: "mp4a.40.29",
      timescale: 44100,
      config,
      sampleRate: 44100,
      channels: 2,
    });
  });

  test("of Opus is at 48 kHz and carries dOps, whichever form it came in", () => {
    const dOps = hex("00 02 0138 0000ac44 0000 00");
    const head = hex("4f70757348656164 01 02 3801 44ac0000 0000 00");
    for (const config of [dOps, head]) {
      expect(audioTrackFromConfig({ codec: "opus", config, id: 2, timescale: 1000 })).toEqual({
        kind: "audio",
        id: 2,
        codec: "opus",
        timescale: 1000,
        config: dOps,
        sampleRate: 48000,
        channels: 2,
      });
    }
  });

  test("of MP3 comes from any frame and has no configuration", () => {
    expect(audioTrackFromConfig({ codec: "mp3", frame: hex("fffb9064"), id: 2 })).toMatchObject({
      codec: "mp4a.6b",
      sampleRate: 44100,
      channels: 2,
      config: new Uint8Array(),
    });
  });
});
