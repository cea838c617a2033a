/** One process of an edge as whoever runs it sees it, in this process or in another. */

import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { EdgeStats } from "../../edge/stats.ts";
import type { UpstreamStats } from "../../edge/upstream/member.ts";
import type { HotPath } from "../../watch/hot-paths.ts";
import type { RequestCounts } from "../../watch/observe-requests.ts";
import type { CheckedConfig } from "../config/schema.ts";

/** Paths that a report has. */
export const REPORTED_PATHS = 20;

/** How full a disk tier is. */
export interface DiskReport {
  readonly bytes: number;
  readonly maxBytes: number;
  readonly entries: number;
  /** Why it is not written to; null where it is. */
  readonly failed: string | null;
}

/** How one process is doing. Plain data. */
export interface ProcessReport {
  readonly pid: number;
  /** From 0. A process that takes the place of another has its number. */
  readonly index: number;
  /** Milliseconds. */
  readonly uptime: number;
  /** Bytes of memory that the system has given it. */
  readonly rss: number;
  /** Share of the time since the last report in which it was busy, 0 to 1. */
  readonly utilization: number;
  /** The same of the last half second. */
  readonly load: number;
  /** Open connections of clients. */
  readonly connections: number;
  /** It ends, and takes no more connections. */
  readonly draining: boolean;
  /** Bytes that its memory cache may have. */
  readonly memory: number;
  /** The disk tier; null where there is none. */
  readonly disk: DiskReport | null;
  readonly edge: EdgeStats;
  readonly upstreams: readonly UpstreamStats[];
  readonly requests: RequestCounts;
  readonly paths: readonly HotPath[];
  /** Lines of the access log; null where there is none. */
  readonly log: { readonly lines: number; readonly dropped: number } | null;
}

/** A process that serves. */
export interface EdgeProcess {
  report(): Promise<ProcessReport>;
  /** What OpenTelemetry has measured in it. */
  metrics(): Promise<ScopeMetrics[]>;
  /**
   * Puts a config into use.
   *
   * @returns sections of which the config may say the same, but their files do not.
   * @throws what is wrong with it; the process then goes on as before.
   */
  reload(config: CheckedConfig): Promise<readonly string[]>;
  /** Opens the access log anew. */
  reopenLog(): Promise<void>;
  /** Lets answers in flight end, and then ends. Idempotent. */
  close(): Promise<void>;
}
