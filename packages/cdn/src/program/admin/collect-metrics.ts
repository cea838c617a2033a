/** What OpenTelemetry has measured in this process, for whoever asks. */

import { metrics } from "@opentelemetry/api";
import { MeterProvider, MetricReader, type ScopeMetrics } from "@opentelemetry/sdk-metrics";

/** Series of one metric, at most; what comes on top counts for one with `otel.metric.overflow`. */
const MAX_SERIES = 5000;

/** Reads when asked. */
export interface MetricsCollector extends AsyncDisposable {
  /** Plain data: it can go to another process. */
  collect(): Promise<ScopeMetrics[]>;
}

class PullReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

interface Installed {
  readonly reader: PullReader;
  readonly provider: MeterProvider;
  users: number;
}

/** There is one for a whole process, whoever is in it. */
let installed: Installed | undefined;

/**
 * Installs the SDK for the whole process, where nobody has yet; another edge in it measures with the same. Called before anything measures.
 * Where whoever embeds the edge has an SDK of their own, that one measures, and there is nothing to collect here.
 */
export function installMetrics(): MetricsCollector {
  installed ??= install();
  const used = installed;
  used.users += 1;
  let disposed = false;
  return {
    async collect() {
      const { resourceMetrics } = await used.reader.collect();
      return resourceMetrics.scopeMetrics;
    },
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      used.users -= 1;
      if (used.users > 0) return;
      installed = undefined;
      metrics.disable();
      await used.provider.shutdown();
    },
  };
}

function install(): Installed {
  const reader = new PullReader({ cardinalitySelector: () => MAX_SERIES });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  return { reader, provider, users: 0 };
}

/** For an edge that nobody asks: measures nothing. */
export const NO_METRICS: MetricsCollector = {
  async collect() {
    return [];
  },
  async [Symbol.asyncDispose]() {},
};
