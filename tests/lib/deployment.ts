/** An origin and edges as people run them, on free ports of loopback. */

import { type RunningEdge, startEdge } from "@ami-streams/example-edge";
import { type RunningOrigin, startOrigin } from "@ami-streams/example-origin";
import pino, { type Logger } from "pino";

export interface Deployment extends AsyncDisposable {
  readonly origin: RunningOrigin;
  readonly edges: readonly RunningEdge[];
  /** Where to publish a stream of this name. */
  rtmp(stream: string): string;
  /** URL of a path on the first edge. */
  edge(path: string): string;
}

/** Starts an origin without an encoder, unless told otherwise, and edges in front of it. */
export async function deploy({
  edges: count = 1,
  encoder = "none",
  lingerMs = 60_000,
}: {
  edges?: number;
  encoder?: "libav" | "ffmpeg" | "none";
  lingerMs?: number;
} = {}): Promise<Deployment> {
  const logger: Logger = pino({ level: process.env.LOG_LEVEL ?? "silent" }, pino.destination(2));
  await using opened = new AsyncDisposableStack();
  const origin = opened.use(await startOrigin({ rtmpPort: 0, httpPort: 0, encoder, lingerMs, logger }));
  const edges: RunningEdge[] = [];
  for (let i = 0; i < count; i++)
    edges.push(opened.use(await startEdge({ port: 0, upstreams: [origin.url], name: `edge-${i}`, logger })));
  const resources = opened.move();
  return {
    origin,
    edges,
    rtmp: (stream) => `${origin.rtmp}/${stream}`,
    edge: (path) => `${edges[0]?.url ?? origin.url}${path}`,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
