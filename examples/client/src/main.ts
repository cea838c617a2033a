/** Runs the page alone: `node dist/main.js`. */

import { createClient } from "./client.ts";

const {
  PORT = "8080",
  HOST = "127.0.0.1",
  EDGES = "http://127.0.0.1:8082",
  RTMP_URL = "rtmp://127.0.0.1:1935/live",
  STREAM,
} = process.env;

await using client = await createClient({
  port: Number(PORT),
  host: HOST,
  config: {
    rtmp: RTMP_URL,
    edges: EDGES.split(/[\s,]+/).map((url, index) => ({ name: `Edge ${String.fromCharCode(65 + index)}`, url })),
    ...(STREAM === undefined ? {} : { stream: STREAM }),
  },
});
console.log(`page ${client.url}`);
await new Promise((resolve) => {
  process.once("SIGINT", resolve);
  process.once("SIGTERM", resolve);
});
