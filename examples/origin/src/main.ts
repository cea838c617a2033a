/** Runs the origin alone, set up by environment variables: `node dist/main.js`. */

import { createFolderStore } from "@ami-streams/cdn";
import pino from "pino";
import { serveMetrics } from "./metrics.ts";
import { startOrigin } from "./origin.ts";

const {
  RTMP_PORT = "1935",
  PORT = "8081",
  HOST = "127.0.0.1",
  ENCODER = "libav",
  PUBLISH_KEY = "",
  VOD_FOLDER,
  LOG_LEVEL = "info",
  METRICS_PORT,
} = process.env;
if (ENCODER !== "libav" && ENCODER !== "ffmpeg" && ENCODER !== "none")
  throw new Error(`ENCODER is libav, ffmpeg or none, not "${ENCODER}"`);

await using _metrics = METRICS_PORT === undefined ? undefined : serveMetrics(Number(METRICS_PORT), HOST);
await using origin = await startOrigin({
  rtmpPort: Number(RTMP_PORT),
  httpPort: Number(PORT),
  host: HOST,
  encoder: ENCODER,
  // `rtmp://…/live/name?key=secret` in OBS's stream key field.
  ...(PUBLISH_KEY === ""
    ? {}
    : { authorize: ({ action, query }) => action === "play" || query.get("key") === PUBLISH_KEY }),
  ...(VOD_FOLDER === undefined ? {} : { vod: await createFolderStore(VOD_FOLDER) }),
  logger: pino({ level: LOG_LEVEL }),
});
console.log(`publish to ${origin.rtmp}\nserving ${origin.url}`);
await new Promise((resolve) => {
  process.once("SIGINT", resolve);
  process.once("SIGTERM", resolve);
});
