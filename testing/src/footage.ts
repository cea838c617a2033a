/** Real camera and film pictures that lie beside the repository on the project's own machines, and nowhere else. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

type FootageName = "h264-1080p25-bframes-aac48.mp4" | "hevc-1080p30-aac48.mp4" | "enhanced-flv-bbb.flv";

/** Path of a file of real footage, or null in a clone without it: skip by name then. Never required, not even in CI. */
export function footage(name: FootageName): string | null {
  const path = fileURLToPath(new URL(`../../../shared/media/${name}`, import.meta.url));
  return existsSync(path) ? path : null;
}
