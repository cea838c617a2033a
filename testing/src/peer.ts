/** Finds programs that tests judge us by. Absent ones skip a test by name, except in CI, where nothing may be missing. */

import { accessSync, constants, globSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where scripts/test.mjs installs Synapse: the `cache` of `@ami-streams/matrix`. */
export const matrixCache = fileURLToPath(new URL("../../.tools/matrix", import.meta.url));

const places: Record<string, readonly string[]> = {
  chromium: [
    process.env.CHROME_PATH ?? "",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ],
  nginx: ["nginx", "/usr/sbin/nginx"],
  postgres: ["initdb", ...globSync("/usr/lib/postgresql/*/bin/initdb")],
  synapse: globSync(join(matrixCache, "synapse-*", "bin", "python")),
};

/** A program the tests know how to use. `gst-launch-1.0` stands for GStreamer, `rtmpdump` for librtmp, `synapse` for the Python that has it. */
export type PeerName =
  | "caddy"
  | "chromium"
  | "curl"
  | "ffmpeg"
  | "ffprobe"
  | "gst-launch-1.0"
  | "nginx"
  | "openssl"
  | "postgres"
  | "rtmpdump"
  | "synapse"
  | "turnserver"
  | "wrk";

/**
 * Path of a peer program, or null where the machine has none.
 *
 * Use it as `test.skipIf(peer("ffmpeg") === null)("…")`, so that the skipped test is reported by name.
 *
 * @throws Error when `CI` is set and the program is missing: CI installs all of them.
 */
export function peer(name: PeerName): string | null {
  for (const candidate of places[name] ?? [name]) {
    if (candidate === "") continue;
    const path = candidate.includes("/") ? (executable(candidate) ? candidate : null) : inPath(candidate);
    if (path !== null) return path;
  }
  if (process.env.CI) throw new Error(`${name} is missing, and CI=true forbids skipping the tests that need it`);
  return null;
}

function inPath(name: string): string | null {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, name);
    if (folder !== "" && executable(path)) return path;
  }
  return null;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
