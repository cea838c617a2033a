/** Runs the origin alone, set up by environment variables: `node dist/main.js`. */

import { createFolderStore } from "@ami-streams/cdn";
import { logLevel, runProgram, serveMetrics } from "@ami-streams/example-program";
import { cleanEnv, num, str } from "envalid";
import pino from "pino";
import { startOrigin } from "./origin.ts";

const env = cleanEnv(process.env, {
  RTMP_PORT: num({ default: 1935 }),
  PORT: num({ default: 8081 }),
  HOST: str({ default: "127.0.0.1" }),
  ENCODER: str({ choices: ["libav", "ffmpeg", "none"], default: "libav" }),
  PUBLISH_KEY: str({ default: "" }),
  VOD_FOLDER: str({ default: "" }),
  LOG_LEVEL: logLevel,
  METRICS_PORT: num({ default: undefined }),
});

await runProgram(async (opened) => {
  if (env.METRICS_PORT !== undefined) opened.use(serveMetrics(env.METRICS_PORT, env.HOST));
  const origin = opened.use(
    await startOrigin({
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
    }),
  );
  return `publish to ${origin.rtmp}\nserving ${origin.url}`;
});
