/** Runs the origin alone, set up by environment variables: `node dist/main.js`. */

import { createFolderStore } from "@ami-streams/cdn";
import { cleanEnv, num, str } from "envalid";
import pino from "pino";
import { serveMetrics } from "./metrics.ts";
import { startOrigin } from "./origin.ts";

const env = cleanEnv(process.env, {
  RTMP_PORT: num({ default: 1935 }),
  PORT: num({ default: 8081 }),
  HOST: str({ default: "127.0.0.1" }),
  ENCODER: str({ choices: ["libav", "ffmpeg", "none"], default: "libav" }),
  PUBLISH_KEY: str({ default: "" }),
  VOD_FOLDER: str({ default: "" }),
  LOG_LEVEL: str({ choices: ["fatal", "error", "warn", "info", "debug", "trace", "silent"], default: "info" }),
  METRICS_PORT: num({ default: undefined }),
});

try {
  await using _metrics = env.METRICS_PORT === undefined ? undefined : serveMetrics(env.METRICS_PORT, env.HOST);
  await using origin = await startOrigin({
    rtmpPort: env.RTMP_PORT,
    httpPort: env.PORT,
    host: env.HOST,
    encoder: env.ENCODER,
    // `rtmp://…/live/name?key=secret` in OBS's stream key field.
    ...(env.PUBLISH_KEY === ""
      ? {}
      : { authorize: ({ action, query }) => action === "play" || query.get("key") === env.PUBLISH_KEY }),
    ...(env.VOD_FOLDER === "" ? {} : { vod: await createFolderStore(env.VOD_FOLDER) }),
    logger: pino({ level: env.LOG_LEVEL }),
  });
  console.log(`publish to ${origin.rtmp}\nserving ${origin.url}`);
  await new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
} catch (error) {
  process.stderr.write(`✗ ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
