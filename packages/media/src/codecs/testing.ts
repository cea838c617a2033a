/** What the tests of the codecs share: recorded configurations, and how to judge what a parser does with hostile bytes. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { MediaError } from "../errors.ts";

/** What ffprobe says of the stream a configuration comes from. */
export interface Probed {
  readonly codec_name: string;
  readonly profile: string;
  readonly width: number;
  readonly height: number;
  readonly level: number;
  readonly pix_fmt: string;
  readonly r_frame_rate: string;
  readonly sample_aspect_ratio?: string;
  readonly field_order?: string;
  readonly color_range?: string;
  readonly color_space?: string;
  readonly color_transfer?: string;
  readonly color_primaries?: string;
  readonly has_b_frames: number;
  readonly sample_rate: string;
  readonly channels: number;
}

export interface RecordedConfig {
  readonly name: string;
  readonly config: Uint8Array;
  readonly ffprobe: Probed;
}

export interface RecordedStream {
  readonly config: Uint8Array;
  readonly samples: readonly { readonly keyframe: boolean; readonly data: Uint8Array }[];
  readonly elementaryStream: Uint8Array;
}

function readFixture(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), "utf8"));
}

export function recordedConfigs(codec: "aac" | "av1" | "h264" | "hevc" | "opus"): RecordedConfig[] {
  const fixture = readFixture(codec) as Record<string, { config: string; ffprobe: Probed }>;
  return Object.entries(fixture).map(([name, { config, ffprobe }]) => ({ name, config: hex(config), ffprobe }));
}

export function recordedStream(codec: "av1" | "h264" | "hevc"): RecordedStream {
  const fixture = readFixture("access-units") as Record<
    string,
    { config: string; samples: { keyframe: boolean; data: string }[]; elementaryStream: string }
  >;
  const { config, samples, elementaryStream } = fixture[codec]!;
  return {
    config: hex(config),
    samples: samples.map(({ keyframe, data }) => ({ keyframe, data: hex(data) })),
    elementaryStream: hex(elementaryStream),
  };
}

/** Bytes of a hexadecimal string. Spaces are for people. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(" ", "").match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

/** Frames per second of ffprobe's fraction. */
export function frameRate(fraction: string): number {
  const [numerator, denominator] = fraction.split("/").map(Number);
  return numerator! / denominator!;
}

/** Code points of ITU-T H.273 by ffprobe's names. */
const CODE_POINTS: Readonly<Record<string, readonly [primaries: number, transfer: number, matrix: number]>> = {
  bt709: [1, 1, 1],
  bt470bg: [5, 5, 5],
  bt2020: [9, 14, 9],
  bt2020nc: [9, 14, 9],
  smpte2084: [2, 16, 2],
};

/** The colours ffprobe tells, 2 where it tells none. */
export function probedColour(probed: Probed): object {
  return {
    primaries: CODE_POINTS[probed.color_primaries ?? ""]?.[0] ?? 2,
    transfer: CODE_POINTS[probed.color_transfer ?? ""]?.[1] ?? 2,
    matrix: CODE_POINTS[probed.color_space ?? ""]?.[2] ?? 2,
    fullRange: probed.color_range === "pc",
  };
}

/** Whether the parser returns, or throws a {@link MediaError}. Anything else is thrown on. */
export function parsesOrRefuses(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean {
  try {
    parse(bytes);
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
  }
  return true;
}

/** Arbitrary bytes, and valid ones that were cut off or had bytes replaced. */
export function hostileBytes(valid: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const damaged = fc
    .tuple(
      fc.constantFrom(...valid),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
    )
    .map(([bytes, kept, changes]) => {
      const copy = bytes.slice(0, Math.ceil(bytes.byteLength * kept));
      if (copy.byteLength > 0) for (const [at, value] of changes) copy[at % copy.byteLength] = value;
      return copy;
    });
  return fc.oneof(fc.uint8Array({ maxLength: 80 }), damaged);
}
