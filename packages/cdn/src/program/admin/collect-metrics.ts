/** What OpenTelemetry has measured in this process, for whoever asks. */

import { metrics } from "@opentelemetry/api";
import { MeterProvider, MetricReader, type ScopeMetrics } from "@opentelemetry/sdk-metrics";

/** Series of one metric, at most; what comes on top counts for one with `otel.metric.overflow`. */
export const MAX_SERIES = 5000;

/** Reads when asked. */
export interface MetricsCollector extends AsyncDisposable {
  /** Plain data: it can go to another process. */
  collect(): Promise<ScopeMetrics[]>;
}

class PullReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** Installs the SDK for the whole process. Called before anything measures. */
export function installMetrics(): MetricsCollector {
  const reader = new PullReader({ cardinalitySelector: () => MAX_SERIES });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  return {
    async collect() {
      const { resourceMetrics } = await reader.collect();
      return resourceMetrics.scopeMetrics;
    },
    async [Symbol.asyncDispose]() {
      metrics.disable();
      await provider.shutdown();
    },
  };
}
