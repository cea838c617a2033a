/** Runs the page alone: `node dist/main.js`. */

import { runProgram } from "@ami-streams/example-program";
import { cleanEnv, num, str, url } from "envalid";
import { createClient } from "./client.ts";

const env = cleanEnv(process.env, {
  PORT: num({ default: 8080 }),
  HOST: str({ default: "127.0.0.1" }),
  EDGES: str({ default: "http://127.0.0.1:8082", example: "https://edge-1.example.org,https://edge-2.example.org" }),
  RTMP_URL: url({ default: "rtmp://127.0.0.1:1935/live" }),
  STREAM: str({ default: "" }),
});

await runProgram(async (opened) => {
  const client = opened.use(
    await createClient({
      port: env.PORT,
      host: env.HOST,
      config: {
        rtmp: env.RTMP_URL,
        edges: env.EDGES.split(/[\s,]+/).map((url, index) => ({
          name: `Edge ${String.fromCharCode(65 + index)}`,
          url,
        })),
        ...(env.STREAM === "" ? {} : { stream: env.STREAM }),
      },
    }),
  );
  return `page ${client.url}`;
});
