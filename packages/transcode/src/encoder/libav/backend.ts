/** The backend that brings its own FFmpeg: node-av, in a Node process of its own. */

import type { Backend } from "../job.ts";
import { startLibavProcess, tryInProcess } from "./process.ts";

export const libavBackend: Backend = {
  start: startLibavProcess,
  probe: (codec, hardware) => tryInProcess({ codec, hardware }),
};
