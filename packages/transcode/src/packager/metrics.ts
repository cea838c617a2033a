/** OpenTelemetry instruments of the packager. Nothing happens until the user installs an SDK. */

import { type Attributes, metrics, type ObservableResult } from "@opentelemetry/api";

/** What one packager reports. */
export interface PackagerGauges {
  readonly heldBytes: number;
  readonly waiting: number;
}

/** Counts for one packager; `stop` ends the observation of its gauges. */
export class PackagerMetrics {
  readonly #attributes: Attributes;
  readonly #parts;
  readonly #segments;
  readonly #missed;
  readonly #stop: () => void;

  /** @param stream - value of the attribute `stream`, or undefined to leave it out. */
  constructor(stream: string | undefined, read: () => PackagerGauges) {
    const meter = metrics.getMeter("@ami-streams/transcode");
    const attributes = stream === undefined ? {} : { stream };
    this.#attributes = attributes;
    this.#parts = meter.createCounter("ami.packager.parts", { description: "Parts made whole" });
    this.#segments = meter.createCounter("ami.packager.segments", { description: "Segments made whole" });
    this.#missed = meter.createCounter("ami.packager.missed_segments", {
      description: "Segments that a rendition has nothing for",
    });
    const held = meter.createObservableGauge("ami.packager.held_bytes", {
      description: "Bytes held in memory",
      unit: "By",
    });
    const waiting = meter.createObservableGauge("ami.packager.waiting_requests", { description: "Requests held open" });
    const observeHeld = (result: ObservableResult): void => result.observe(read().heldBytes, attributes);
    const observeWaiting = (result: ObservableResult): void => result.observe(read().waiting, attributes);
    held.addCallback(observeHeld);
    waiting.addCallback(observeWaiting);
    this.#stop = () => {
      held.removeCallback(observeHeld);
      waiting.removeCallback(observeWaiting);
    };
  }

  part(): void {
    this.#parts.add(1, this.#attributes);
  }

  segment(): void {
    this.#segments.add(1, this.#attributes);
  }

  missed(): void {
    this.#missed.add(1, this.#attributes);
  }

  stop(): void {
    this.#stop();
  }
}
