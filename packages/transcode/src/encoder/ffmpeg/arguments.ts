/** The command line that does a job. Pure. */

import {
  audioCodecOptions,
  audioFilter,
  defaultThreads,
  frameStep,
  scaleFilter,
  videoCodecOptions,
} from "../codec-options.ts";
import { toRational } from "../frame-rate.ts";
import type { EncoderJob, JobOutput } from "../job.ts";

/** What fluent-ffmpeg is told, word by word. */
export interface FfmpegArguments {
  readonly input: readonly string[];
  readonly filters: readonly string[];
  readonly output: readonly string[];
}

/** Threads of the decoder, which share slices: threads that share frames would each cost one frame of delay. */
const decoderThreads = 2;

/**
 * Fragmented MP4 in by standard input, and out by standard output with a fragment for each frame: `frag_duration` of a microsecond, because
 * `frag_every_frame` gives wrong times where tracks differ in their frame rates (seen in 5.1).
 *
 * Times are kept (`copyts`, no edit lists, nothing moved to zero, the source's own ticks), frames neither dropped nor doubled, and the output
 * waits for no other stream (`max_interleave_delta`).
 */
export function ffmpegArguments(job: EncoderJob, cores: number): FfmpegArguments {
  const { track, outputs } = job;
  const video = track.kind === "video";
  const device = job.hardware === "vaapi" && video ? ["-init_hw_device", "vaapi=gpu", "-filter_hw_device", "gpu"] : [];
  const input = [
    ...["-hide_banner", "-loglevel", "error", "-nostdin"],
    ...device,
    // Probing more than the header would hold the first frames back.
    ...["-copyts", "-probesize", "32", "-analyzeduration", "0"],
    ...(video ? ["-threads", String(decoderThreads), "-thread_type", "slice"] : []),
    ...["-f", "mp4"],
  ];
  const kind = video ? "v" : "a";
  const pads = outputs.map((_, index) => `[in${index}]`);
  const filters = [
    `[0:${kind}]${video ? "split" : "asplit"}=${outputs.length}${pads.join("")}`,
    ...outputs.map((output, index) => `${pads[index]}${filterChain(output, job)}[out${index}]`),
  ];
  return {
    input,
    filters,
    output: [
      ...["-filter_complex_threads", "1"],
      ...outputs.flatMap((output, index) => ["-map", `[out${index}]`, ...encoderOptions(output, index, job, cores)]),
      ...(video ? ["-fps_mode", "passthrough", "-enc_time_base", `1/${track.timescale}`] : []),
      ...(video ? ["-video_track_timescale", String(track.timescale)] : []),
      ...[
        "-avoid_negative_ts",
        "disabled",
        "-use_editlist",
        "0",
        "-max_interleave_delta",
        "1",
        "-flush_packets",
        "1",
        "-frag_duration",
        "1",
      ],
      ...["-movflags", "+empty_moov+default_base_moof+frag_discont+skip_trailer", "-f", "mp4"],
    ],
  };
}

function filterChain(output: JobOutput, { track, hardware, preset }: EncoderJob): string {
  if (output.kind === "audio" || track.kind === "audio") {
    return output.kind === "audio" ? audioFilter(output.settings).join(",") : "anull";
  }
  const step = frameStep(track.frameRate, output.settings.frameRate);
  const { format } = videoCodecOptions(output.settings, { hardware, preset, threads: 1 });
  return [
    // Counts from each keyframe, which are never left out.
    ...(step > 1 ? [`select='if(key,st(0,0)+1,not(mod(st(0,ld(0)+1),${step})))'`] : []),
    ...scaleFilter(track, output.settings),
    ...(format === "vaapi" ? ["format=nv12", "hwupload"] : [`format=${format}`]),
  ].join(",");
}

function encoderOptions(output: JobOutput, index: number, job: EncoderJob, cores: number): string[] {
  const { hardware, preset } = job;
  const threads = output.kind === "video" ? (job.threads ?? defaultThreads(output.settings, cores)) : 1;
  const codec =
    output.kind === "video"
      ? videoCodecOptions(output.settings, { hardware, preset, threads })
      : audioCodecOptions(output.settings);
  const stream = `${output.kind === "video" ? "v" : "a"}:${index}`;
  const options = { ...codec.options };
  if (codec.encoder === "libx264" && output.kind === "video") {
    // What ffmpeg would tell x264 is a guess from the first frame; the rate control needs the truth.
    const { num, den } = toRational(output.settings.frameRate);
    options["x264-params"] = `fps=${num}/${den}`;
  }
  return [
    ...[`-c:${stream}`, codec.encoder],
    ...Object.entries(options).flatMap(([name, value]) => [`-${name}:${stream}`, value]),
    ...(output.kind === "video" ? [`-force_key_frames:${stream}`, "source"] : []),
  ];
}
