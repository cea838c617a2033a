/** Encoder names and options, the same for both backends: as words of FFmpeg's `AVOption`s. */

import type { AudioSettings, VideoSettings } from "../ladder/rung.ts";
import type { HardwareEncoder } from "./hardware.ts";

/** An encoder of FFmpeg with its options. */
export interface CodecOptions {
  /** E.g. `libx264`. */
  readonly encoder: string;
  /** Pixel or sample format that it is fed. */
  readonly format: string;
  readonly options: Readonly<Record<string, string>>;
}

/** x264 and NVENC take this as "never by yourself" (`X264_KEYINT_MAX_INFINITE`). */
const noKeyframesOfItsOwn = String(2 ** 30);

/** How far the rate may peak above its average, and over which time that is measured. */
const peak = 1.1;
const peakWindowSeconds = 1;

/** FFmpeg's name of a video encoder. */
export function videoEncoderName(codec: VideoSettings["codec"], hardware: HardwareEncoder | null): string {
  if (hardware !== null) return `${codec}_${hardware}`;
  return { h264: "libx264", hevc: "libx265", av1: "libsvtav1" }[codec];
}

/** Threads of a software encoder unless the user says otherwise: each costs a slice, so only as many as a picture needs. */
export function defaultThreads({ width, height }: { width: number; height: number }, cores: number): number {
  const area = width * height;
  return Math.max(1, Math.min(cores, area <= 1280 * 720 ? 1 : area <= 1920 * 1080 ? 2 : 4));
}

/** Options for live video: no lookahead, no B-frames, no keyframe but those asked for, constrained rate. */
export function videoCodecOptions(
  settings: VideoSettings,
  use: { hardware: HardwareEncoder | null; preset: string; threads: number },
): CodecOptions {
  const encoder = videoEncoderName(settings.codec, use.hardware);
  const rate = {
    b: String(settings.bitrate),
    maxrate: String(Math.round(settings.bitrate * peak)),
    bufsize: String(Math.round(settings.bitrate * peakWindowSeconds)),
  };
  const common = { ...rate, g: noKeyframesOfItsOwn, bf: "0" };
  if (use.hardware === null) return software(encoder, settings, common, use);
  const format = use.hardware === "vaapi" ? "vaapi" : use.hardware === "videotoolbox" ? "yuv420p" : "nv12";
  return { encoder, format, options: { ...common, ...hardwareOptions[use.hardware] } };
}

const hardwareOptions: Record<HardwareEncoder, Record<string, string>> = {
  nvenc: { preset: "p4", tune: "ull", rc: "cbr", delay: "0", zerolatency: "1", "forced-idr": "1", "no-scenecut": "1" },
  qsv: { preset: "veryfast", async_depth: "1", low_delay_brc: "1", forced_idr: "1", look_ahead: "0" },
  amf: { usage: "ultralowlatency", quality: "speed", rc: "cbr", forced_idr: "1" },
  vaapi: { rc_mode: "CBR", async_depth: "1" },
  videotoolbox: { realtime: "1", prio_speed: "1", allow_sw: "0" },
};

function software(
  encoder: string,
  settings: VideoSettings,
  common: Record<string, string>,
  { preset, threads }: { preset: string; threads: number },
): CodecOptions {
  const format = "yuv420p";
  if (settings.codec === "h264") {
    const options = {
      ...common,
      preset,
      tune: "zerolatency",
      sc_threshold: "0",
      "forced-idr": "1",
      threads: String(threads),
    };
    return { encoder, format, options };
  }
  if (settings.codec === "hevc") {
    const params = `scenecut=0:keyint=-1:open-gop=0:repeat-headers=0:pools=${threads}:frame-threads=1:log-level=error`;
    return {
      encoder,
      format,
      options: { ...common, preset, tune: "zerolatency", "forced-idr": "1", "x265-params": params },
    };
  }
  // SVT-AV1 knows one-pass constant rate only with its low-delay prediction structure, and counts presets the other way.
  const { maxrate: _peak, ...rest } = common;
  const params = `rc=2:pred-struct=1:scd=0:lp=${threads}:keyint=-1`;
  return { encoder, format, options: { ...rest, preset: String(svtPresets[preset] ?? 10), "svtav1-params": params } };
}

const svtPresets: Record<string, number> = {
  ultrafast: 12,
  superfast: 11,
  veryfast: 10,
  faster: 9,
  fast: 8,
  medium: 7,
  slow: 6,
};

/** Options for audio. */
export function audioCodecOptions(settings: AudioSettings): CodecOptions {
  const options = { b: String(settings.bitrate) };
  if (settings.codec === "aac") return { encoder: "aac", format: "fltp", options };
  return { encoder: "libopus", format: "flt", options: { ...options, application: "audio", frame_duration: "20" } };
}

/** Samples in one packet of an encoder. */
function audioFrameSize(settings: AudioSettings): number {
  return settings.codec === "aac" ? 1024 : 960;
}

/** FFmpeg filters that bring a picture to a rung: its shape is kept, with black bars where source and rung differ by more than rounding. */
export function scaleFilter(source: { width: number; height: number }, settings: VideoSettings): string[] {
  const { width, height } = settings;
  if (source.width === width && source.height === height) return [];
  const fittedHeight = (source.height * width) / source.width;
  if (Math.abs(fittedHeight - height) <= Math.max(2, height / 100)) return [`scale=${width}:${height}:flags=bicubic`];
  return [
    `scale=${width}:${height}:flags=bicubic:force_original_aspect_ratio=decrease:force_divisible_by=2`,
    `pad=${width}:${height}:-1:-1`,
  ];
}

/**
 * FFmpeg filters that make audio of any rate and layout fit an encoder, on its own sample clock: gaps of more than 0.1 s become
 * silence, overlaps of more are cut, so that it stays in step with the video.
 */
export function audioFilter(settings: AudioSettings): string[] {
  const layout = settings.channels === 1 ? "mono" : "stereo";
  const { format } = audioCodecOptions(settings);
  return [
    "aresample=async=1:min_hard_comp=0.1",
    `aformat=sample_fmts=${format}:sample_rates=${settings.sampleRate}:channel_layouts=${layout}`,
    `asetnsamples=n=${audioFrameSize(settings)}:p=0`,
  ];
}

/** Of how many source frames one is encoded. */
export function frameStep(sourceRate: number | undefined, rungRate: number): number {
  return sourceRate === undefined ? 1 : Math.max(1, Math.round(sourceRate / rungRate));
}
