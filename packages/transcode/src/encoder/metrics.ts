/** OpenTelemetry instruments of encoders. Nothing happens until the user installs an SDK. */

import { type Attributes, metrics, type ObservableResult } from "@opentelemetry/api";
import type { EncodingStats } from "./encoding.ts";

const counters = {
  "ami.encoder.packets_in": ["packetsIn", "Packets given to encoder processes"],
  "ami.encoder.packets_out": ["packetsOut", "Packets that came back"],
  "ami.encoder.overloads": [
    "overloads",
    "Times that video was dropped up to a keyframe because the encoder was too slow",
  ],
  "ami.encoder.dropped_packets": ["dropped", "Packets dropped before an encoder"],
  "ami.encoder.decode_errors": ["decodeErrors", "Packets that a decoder refused"],
  "ami.encoder.restarts": ["restarts", "Processes started again after a failure"],
} as const satisfies Record<string, readonly [keyof EncodingStats, string]>;

/**
 * Reports the counters of one encoding for as long as it runs.
 *
 * @param stream - value of the attribute `stream`, or undefined to leave it out.
 * @returns ends the observation.
 */
export function observeEncoding(stream: string | undefined, read: () => EncodingStats): () => void {
  const meter = metrics.getMeter("@ami-streams/transcode");
  const attributes: Attributes = stream === undefined ? {} : { stream };
  const stops = Object.entries(counters).map(([name, [key, description]]) => {
    const counter = meter.createObservableCounter(name, { description });
    const observe = (result: ObservableResult): void => result.observe(read()[key], attributes);
    counter.addCallback(observe);
    return () => counter.removeCallback(observe);
  });
  const queued = meter.createObservableGauge("ami.encoder.queued_bytes", {
    description: "Bytes that wait for encoder processes",
    unit: "By",
  });
  const observeQueued = (result: ObservableResult): void => result.observe(read().queuedBytes, attributes);
  queued.addCallback(observeQueued);
  return () => {
    for (const stop of stops) stop();
    queued.removeCallback(observeQueued);
  };
}
