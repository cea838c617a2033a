/** Fetches an engine's script when it is first needed. */

import { PlayerError } from "../error.ts";
import type { Engine, EngineName, EngineOptions } from "./engine.ts";

/** Makes an engine, once its script is here. */
export type EngineFactory = (options: EngineOptions) => Engine;

/** @throws {PlayerError} `ENGINE_LOAD_FAILED` when the script does not load. */
export async function loadEngine(name: EngineName): Promise<EngineFactory> {
  try {
    if (name === "hls") return (await import("./hls.ts")).createHlsEngine;
    if (name === "dash") return (await import("./dash.ts")).createDashEngine;
    return (await import("./native.ts")).createNativeEngine;
  } catch (cause) {
    throw new PlayerError("ENGINE_LOAD_FAILED", `the ${name} engine's script did not load`, { cause });
  }
}
