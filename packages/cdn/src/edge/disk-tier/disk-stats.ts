/** What a disk tier counts. */

import { metrics, type ObservableResult } from "@opentelemetry/api";

/** Counters since the tier was made. */
export interface DiskStats {
  /** Objects that were found and opened. */
  readonly hits: number;
  /** Objects that were asked for and are not there. */
  readonly misses: number;
  /** Bytes read from volumes, by clients and by what is kept on when a volume leaves. */
  readonly bytesRead: number;
  /** Bytes written to volumes. */
  readonly bytesWritten: number;
  /** Objects written whole. */
  readonly stored: number;
  /** Objects not begun because too many bytes waited to be written already. */
  readonly refusedBusy: number;
  /** Objects not begun because writing failed a short while ago. */
  readonly refusedFailed: number;
  /** Objects not begun, or given up, because they are larger than the tier takes. */
  readonly refusedTooLarge: number;
  /** Objects begun and given up: the disk fell behind, failed, or came round to their beginning again. */
  readonly abandoned: number;
  /** Objects that left with their volume. */
  readonly evicted: number;
  /** Objects that were kept when their volume left, because they had been asked for. */
  readonly reinserted: number;
  /** Objects dropped because what was read is not what was written. */
  readonly corrupt: number;
  /** Objects dropped because reading failed. */
  readonly readErrors: number;
  /** Times that writing failed. */
  readonly writeErrors: number;
}

/** The counting part. */
export type DiskCounters = { -readonly [Name in keyof DiskStats]: number };

/** All at zero. */
export function createDiskCounters(): DiskCounters {
  return {
    hits: 0,
    misses: 0,
    bytesRead: 0,
    bytesWritten: 0,
    stored: 0,
    refusedBusy: 0,
    refusedFailed: 0,
    refusedTooLarge: 0,
    abandoned: 0,
    evicted: 0,
    reinserted: 0,
    corrupt: 0,
    readErrors: 0,
    writeErrors: 0,
  };
}

/** What {@link observeDiskTier} looks at. */
export interface ObservedDisk {
  readonly stats: DiskStats;
  readonly bytes: number;
  readonly entries: number;
  readonly failed: string | undefined;
}

const OUTCOMES = ["hits", "misses", "corrupt", "readErrors"] as const;
const WRITES = ["stored", "refusedBusy", "refusedFailed", "refusedTooLarge", "abandoned"] as const;
/** Names as attributes have them. */
const NAMES: Partial<Record<keyof DiskStats, string>> = {
  hits: "hit",
  misses: "miss",
  readErrors: "read_error",
  refusedBusy: "refused_busy",
  refusedFailed: "refused_failed",
  refusedTooLarge: "refused_too_large",
};

/**
 * Shows a disk tier as OpenTelemetry metrics `ami.edge.disk.*`, read when the SDK collects.
 *
 * @returns how to stop.
 */
export function observeDiskTier(name: string, tier: ObservedDisk): () => void {
  const meter = metrics.getMeter("@ami-streams/cdn");
  const edge = { "ami.edge.name": name };
  const { stats } = tier;
  const byName = (names: readonly (keyof DiskStats)[], attribute: string) => (result: ObservableResult) => {
    for (const each of names) result.observe(stats[each], { ...edge, [attribute]: NAMES[each] ?? each });
  };
  const reads = meter.createObservableCounter("ami.edge.disk.reads", { description: "Look-ups on disk by outcome" });
  const writes = meter.createObservableCounter("ami.edge.disk.writes", { description: "Objects by how writing went" });
  const io = meter.createObservableCounter("ami.edge.disk.io", { unit: "By", description: "Bytes by direction" });
  const evicted = meter.createObservableCounter("ami.edge.disk.evicted", { description: "Objects that left" });
  const kept = meter.createObservableCounter("ami.edge.disk.reinserted", { description: "Objects kept on" });
  const bytes = meter.createObservableGauge("ami.edge.disk.bytes", { unit: "By", description: "Bytes on disk" });
  const entries = meter.createObservableGauge("ami.edge.disk.entries", { description: "Objects on disk" });
  const failed = meter.createObservableGauge("ami.edge.disk.failed", { description: "1 while writing fails" });
  const watched: [typeof reads, (result: ObservableResult) => void][] = [
    [reads, byName(OUTCOMES, "ami.edge.outcome")],
    [writes, byName(WRITES, "ami.edge.outcome")],
    [
      io,
      (result) => {
        result.observe(stats.bytesRead, { ...edge, "disk.io.direction": "read" });
        result.observe(stats.bytesWritten, { ...edge, "disk.io.direction": "write" });
      },
    ],
    [evicted, (result) => result.observe(stats.evicted, edge)],
    [kept, (result) => result.observe(stats.reinserted, edge)],
    [bytes, (result) => result.observe(tier.bytes, edge)],
    [entries, (result) => result.observe(tier.entries, edge)],
    [failed, (result) => result.observe(tier.failed === undefined ? 0 : 1, edge)],
  ];
  for (const [instrument, observe] of watched) instrument.addCallback(observe);
  return () => {
    for (const [instrument, observe] of watched) instrument.removeCallback(observe);
  };
}
