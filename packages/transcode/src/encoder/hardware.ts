/** Which hardware encoder works on this machine: found by encoding a few frames, not by trusting a list. */

import { existsSync } from "node:fs";
import { TranscodeError } from "../errors.ts";
import type { VideoCodec } from "../ladder/rung.ts";
import type { Logger } from "../logger.ts";
import type { EncoderBackend, EncoderOptions } from "./encoding.ts";
import type { Backend } from "./job.ts";

/** Families of hardware encoders, as FFmpeg names them. */
export type HardwareEncoder = "nvenc" | "qsv" | "amf" | "vaapi" | "videotoolbox";

/** In order of preference: what encodes best with least delay first, the generic interface last. */
const families: Record<string, readonly HardwareEncoder[]> = {
  linux: ["nvenc", "qsv", "amf", "vaapi"],
  win32: ["nvenc", "qsv", "amf"],
  darwin: ["videotoolbox"],
};

/** Where an encoder is looked for. */
export interface Machine {
  readonly platform: string;
  /** False where no graphics device is there at all: trying costs a second that starting a stream does not have. */
  hasDevices(): boolean;
}

const thisMachine: Machine = {
  platform: process.platform,
  // Device files of the kernel's graphics drivers, of NVIDIA's, and of Windows' below WSL.
  hasDevices: () =>
    process.platform !== "linux" || ["/dev/dri", "/dev/nvidiactl", "/dev/dxg"].some((path) => existsSync(path)),
};

/** What was found, for the life of this process: a machine does not grow a GPU. */
const found = new Map<string, Promise<HardwareEncoder | null>>();

/**
 * Finds the first hardware that encodes all these codecs, or null for software.
 *
 * @throws {TranscodeError} `INVALID_OPTION` when one was insisted on and does not work, with the reason.
 */
export async function chooseHardware(
  backend: Backend,
  backendName: EncoderBackend,
  codecs: ReadonlySet<VideoCodec>,
  wanted: NonNullable<EncoderOptions["hardware"]>,
  logger: Logger,
  machine: Machine = thisMachine,
): Promise<HardwareEncoder | null> {
  if (wanted === "off") return null;
  if (wanted !== "auto") {
    for (const codec of codecs) {
      const reason = await backend.probe(codec, wanted);
      if (reason !== null)
        throw new TranscodeError("INVALID_OPTION", `hardware "${wanted}" does not encode ${codec} here: ${reason}`);
    }
    return wanted;
  }
  const key = `${backendName} ${machine.platform} ${[...codecs].sort().join(" ")}`;
  let search = found.get(key);
  if (search === undefined) {
    search = findHardware(backend, codecs, logger, machine);
    found.set(key, search);
  }
  return search;
}

async function findHardware(
  backend: Backend,
  codecs: ReadonlySet<VideoCodec>,
  logger: Logger,
  machine: Machine,
): Promise<HardwareEncoder | null> {
  const tried: Record<string, string> = {};
  if (machine.hasDevices()) {
    const candidates = families[machine.platform] ?? [];
    const reasons = await Promise.all(candidates.map((family) => tryAll(backend, codecs, family)));
    for (const [index, family] of candidates.entries()) {
      const reason = reasons[index];
      if (reason === null) {
        logger.info({ hardware: family }, "hardware encoder found");
        return family;
      }
      tried[family] = reason ?? "";
    }
  }
  logger.warn({ tried }, "no hardware encoder works here: video is encoded in software");
  return null;
}

async function tryAll(
  backend: Backend,
  codecs: ReadonlySet<VideoCodec>,
  family: HardwareEncoder,
): Promise<string | null> {
  for (const codec of codecs) {
    const reason = await backend.probe(codec, family);
    if (reason !== null) return reason;
  }
  return null;
}
