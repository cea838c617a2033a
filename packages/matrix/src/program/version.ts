/** The version of this package. */

import { readFileSync } from "node:fs";

/** As its package.json says, which lies above the sources and above the build alike. */
export function packageVersion(): string {
  for (let folder = new URL(".", import.meta.url); folder.pathname !== "/"; folder = new URL("..", folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
      if (name === "@ami-streams/matrix") return version;
    } catch {
      // It lies further up.
    }
  }
  return "unknown";
}
