/** Finds a backend, and says what to install where it is not there. */

import { createRequire } from "node:module";
import { TranscodeError } from "../errors.ts";
import type { EncoderBackend } from "./encoding.ts";
import type { Backend } from "./job.ts";

/**
 * Loads what a backend needs, and only then.
 *
 * @throws {TranscodeError} `BACKEND_NOT_INSTALLED`; `INVALID_OPTION` for another name.
 */
export async function loadBackend(name: EncoderBackend, ffmpegPath: string | undefined): Promise<Backend> {
  if (name === "libav") {
    requireInstalled("node-av", "npm install node-av");
    return (await import("./libav/backend.ts")).libavBackend;
  }
  if (name === "ffmpeg") {
    requireInstalled("fluent-ffmpeg", "npm install fluent-ffmpeg");
    const [{ createFfmpegBackend }, { default: ffmpeg }] = await Promise.all([
      import("./ffmpeg/backend.ts"),
      import("fluent-ffmpeg"),
    ]);
    return createFfmpegBackend(ffmpeg, ffmpegPath);
  }
  throw new TranscodeError("INVALID_OPTION", `backend must be "libav" or "ffmpeg", not ${JSON.stringify(name)}`);
}

function requireInstalled(packageName: string, command: string): void {
  try {
    createRequire(import.meta.url).resolve(packageName);
  } catch (cause) {
    throw new TranscodeError(
      "BACKEND_NOT_INSTALLED",
      `${packageName} is an optional peer dependency of @ami-streams/transcode, and not installed: ${command}`,
      { cause },
    );
  }
}
