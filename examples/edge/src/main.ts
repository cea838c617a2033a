/** Runs an edge alone, set up by environment variables: `node dist/main.js`. */

import { cleanEnv, num, str } from "envalid";
import pino from "pino";
import { startEdge } from "./edge.ts";
import { serveMetrics } from "./metrics.ts";

const env = cleanEnv(process.env, {
  PORT: num({ default: 8082 }),
  HOST: str({ default: "127.0.0.1" }),
  UPSTREAMS: str({ default: "http://127.0.0.1:8081", example: "http://origin-1:8081,http://origin-2:8081" }),
  MEMORY_MIB: num({ default: 256 }),
  NAME: str({ default: "edge" }),
  LOG_LEVEL: str({ choices: ["fatal", "error", "warn", "info", "debug", "trace", "silent"], default: "info" }),
  METRICS_PORT: num({ default: undefined }),
});

try {
  await using _metrics = env.METRICS_PORT === undefined ? undefined : serveMetrics(env.METRICS_PORT, env.HOST);
  await using edge = await startEdge({
    port: env.PORT,
    host: env.HOST,
    upstreams: env.UPSTREAMS.split(/[\s,]+/),
    memory: env.MEMORY_MIB * 1024 * 1024,
    name: env.NAME,
    logger: pino({ level: env.LOG_LEVEL }),
  });
  console.log(`edge ${edge.url}`);
  await new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
} catch (error) {
  process.stderr.write(`✗ ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
