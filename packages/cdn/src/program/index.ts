/**
 * `ami-edge` as a library: types of its config, and the program itself within another one.
 *
 * @packageDocumentation
 */

import type { ProgramOptions, RunningProgram } from "./program.ts";

export type { AdministeredProgram, ReloadResult } from "./admin/admin.ts";
export type { ProgramReport } from "./admin/program-report.ts";
export {
  type AdminConfig,
  type CacheConfig,
  type CircuitConfig,
  type DiskConfig,
  defineEdgeConfig,
  type EdgeConfig,
  type ForwardConfig,
  type GuardConfig,
  type HealthConfig,
  type HedgeConfig,
  type LogConfig,
  type MetricsConfig,
  type PurgeConfig,
  type RateLimitConfig,
  type RetryConfig,
  type S3Config,
  type TimeoutsConfig,
  type TlsConfig,
  type TokenConfig,
  type UpstreamConfig,
  type UpstreamTlsConfig,
} from "./config/edge-config.ts";
export type { ConfigSource } from "./config/load-config.ts";
export type { CmcdReportsConfig, LiveConfig, PathwayConfig, SteeringConfig } from "./config/media-config.ts";
export type { CheckedConfig } from "./config/schema.ts";
export type { Duration, Size } from "./config/units.ts";
export type { ProgramOptions, RunningProgram } from "./program.ts";

/** Starts an edge in this process, as `ami-edge` does, without its command line and signals. Loads the program when it is called. */
export async function startEdgeProgram(options: ProgramOptions): Promise<RunningProgram> {
  const { startProgram } = await import("./program.ts");
  return await startProgram(options);
}
