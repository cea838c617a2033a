/** Runs an edge alone, set up by environment variables: `node dist/main.js`. */

import { logLevel, runProgram } from "@ami-streams/example-program";
import { cleanEnv, num, str } from "envalid";
import pino from "pino";
import { startEdge } from "./edge.ts";

const env = cleanEnv(process.env, {
  PORT: num({ default: 8082 }),
  HOST: str({ default: "127.0.0.1" }),
  UPSTREAMS: str({ default: "http://127.0.0.1:8081", example: "http://origin-1:8081,http://origin-2:8081" }),
  MEMORY_MIB: num({ default: 256 }),
  NAME: str({ default: "edge" }),
  LOG_LEVEL: logLevel,
  METRICS_PORT: num({ default: undefined }),
});

await runProgram(async (opened) => {
  const edge = opened.use(
    await startEdge({
      port: env.PORT,
      host: env.HOST,
      upstreams: env.UPSTREAMS.split(/[\s,]+/),
      memory: env.MEMORY_MIB * 1024 * 1024,
      name: env.NAME,
      ...(env.METRICS_PORT !== undefined && { adminPort: env.METRICS_PORT }),
      logger: pino({ level: env.LOG_LEVEL }),
    }),
  );
  return `edge ${edge.url}`;
});
