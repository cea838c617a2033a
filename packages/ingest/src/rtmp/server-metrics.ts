/** OpenTelemetry counters of a server. Nothing happens until the user installs an SDK. */

import { type Attributes, metrics } from "@opentelemetry/api";
import type { LivePublication, PublicationStats } from "../publication/publication.ts";
import { noRepairs, repairKinds } from "../publication/repairs.ts";

type Counted = Pick<PublicationStats, "bytesReceived" | "packets" | "drops" | "repairs">;

/** Adds up what publications count, by difference: once per check, not once per packet. */
export class ServerMetrics {
  readonly #meter = metrics.getMeter("@ami-streams/ingest");
  readonly #live = this.#meter.createUpDownCounter("ami.ingest.publications", {
    description: "Publications that are live",
  });
  readonly #received = this.#meter.createCounter("ami.ingest.received", {
    description: "Audio, video and data received",
    unit: "By",
  });
  readonly #packets = this.#meter.createCounter("ami.ingest.packets", { description: "Packets given to readers" });
  readonly #repairs = this.#meter.createCounter("ami.ingest.repairs", { description: "Media put right, by kind" });
  readonly #drops = this.#meter.createCounter("ami.ingest.drops", { description: "Readers dropped to a keyframe" });
  readonly #seen = new Map<LivePublication, Counted>();

  /** A publication's first packets were given out. */
  started(publication: LivePublication): void {
    this.#live.add(1, attributesOf(publication));
    this.#seen.set(publication, { bytesReceived: 0, packets: 0, drops: 0, repairs: noRepairs() });
  }

  /** Adds what has happened since the last time. */
  observe(publication: LivePublication): void {
    const before = this.#seen.get(publication);
    if (before === undefined) return;
    const stats = publication.stats;
    const attributes = attributesOf(publication);
    this.#received.add(stats.bytesReceived - before.bytesReceived, attributes);
    this.#packets.add(stats.packets - before.packets, attributes);
    this.#drops.add(stats.drops - before.drops, attributes);
    for (const kind of repairKinds) {
      const count = stats.repairs[kind] - before.repairs[kind];
      if (count > 0) this.#repairs.add(count, { ...attributes, kind });
    }
    this.#seen.set(publication, stats);
  }

  /** A publication has ended. */
  ended(publication: LivePublication): void {
    if (!this.#seen.has(publication)) return;
    this.observe(publication);
    this.#seen.delete(publication);
    this.#live.add(-1, attributesOf(publication));
  }
}

// The application only: stream keys are secrets, and too many for labels.
function attributesOf(publication: LivePublication): Attributes {
  return { app: publication.app };
}
