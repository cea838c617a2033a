/** Shows what the packages measure to Prometheus. They measure through OpenTelemetry, which does nothing until a provider is set. */

import { metrics } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";

/** Serves `/metrics` on a port of its own, which viewers do not reach. Call it before anything measures. */
export function serveMetrics(port: number, host: string): AsyncDisposable {
  const exporter = new PrometheusExporter({ port, host });
  const provider = new MeterProvider({ readers: [exporter] });
  metrics.setGlobalMeterProvider(provider);
  return { [Symbol.asyncDispose]: () => provider.shutdown() };
}
