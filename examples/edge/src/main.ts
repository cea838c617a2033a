/** Runs an edge alone, set up by environment variables: `node dist/main.js`. */

import pino from "pino";
import { startEdge } from "./edge.ts";
import { serveMetrics } from "./metrics.ts";

const {
  PORT = "8082",
  HOST = "127.0.0.1",
  UPSTREAMS = "http://127.0.0.1:8081",
  MEMORY_MIB = "256",
  NAME = "edge",
  LOG_LEVEL = "info",
  METRICS_PORT,
} = process.env;

await using _metrics = METRICS_PORT === undefined ? undefined : serveMetrics(Number(METRICS_PORT), HOST);
await using edge = await startEdge({
  port: Number(PORT),
  host: HOST,
  upstreams: UPSTREAMS.split(/[\s,]+/),
  memory: Number(MEMORY_MIB) * 1024 * 1024,
  name: NAME,
  logger: pino({ level: LOG_LEVEL }),
});
console.log(`edge ${edge.url}`);
await new Promise((resolve) => {
  process.once("SIGINT", resolve);
  process.once("SIGTERM", resolve);
});
