/**
 * `<ami-player>`: importing this module defines the element, where there is a DOM to define it in.
 *
 * @module
 */

import { AmiPlayer } from "./element/ami-player.ts";

// The element and what it says.
export { AmiPlayer } from "./element/ami-player.ts";
export { AmiPlayerAttributes } from "./element/attributes.ts";
export type { AmiPlayerEventMap } from "./element/events.ts";
export { defaultLabels, type PlayerLabels } from "./element/labels.ts";
// The contract of an engine.
export type {
  Engine,
  EngineFailure,
  EngineHost,
  EngineName,
  EngineOptions,
  EngineStats,
  Level,
  StartPosition,
} from "./engine/engine.ts";
export { PlayerError, type PlayerErrorCode } from "./error.ts";
export type { PlayerState } from "./playback/state.ts";
export type { PlayerStats } from "./playback/stats.ts";
// Sources.
export {
  createFailover,
  type Failover,
  type FailoverDecision,
  type FailoverOptions,
  type SourceHealth,
} from "./source/failover.ts";
export { formatOf, parseSources, type Source, type SourceFormat } from "./source/source.ts";

if (typeof customElements !== "undefined" && customElements.get("ami-player") === undefined) {
  customElements.define("ami-player", AmiPlayer);
}
