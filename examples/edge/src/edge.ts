/** The reference edge: a cache in front of an origin or of another edge. */

import { createEdge, createServer, type Edge, type FetchHandler, rawHandler } from "@ami-streams/cdn";
import type { Logger } from "pino";

/** How to run an edge. */
export interface EdgeOptions {
  readonly port: number;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Origins or shield edges in order of preference, e.g. `http://127.0.0.1:8081`. */
  readonly upstreams: readonly string[];
  /** Bound of the memory cache in bytes. Default 256 MiB. */
  readonly memory?: number;
  /** Shown in `Cache-Status`. Default `edge`. */
  readonly name?: string;
  readonly logger: Logger;
}

/** A running edge. */
export interface RunningEdge extends AsyncDisposable {
  readonly url: string;
  close(): Promise<void>;
}

const statsPath = "/stats.json";

/** Starts an edge and resolves when its port accepts. `GET /stats.json` gives its counters to dashboards. */
export async function startEdge({
  port,
  host = "127.0.0.1",
  upstreams,
  memory = 256 * 1024 * 1024,
  name = "edge",
  logger,
}: EdgeOptions): Promise<RunningEdge> {
  await using opened = new AsyncDisposableStack();
  // No answer of our origin depends on a query but a blocking reload's: no other may make the edge ask again.
  const cache = { maxBytes: memory, keepParams: [] };
  const edge = opened.use(createEdge({ upstreams, cache, name, logger }));
  const server = opened.use(await createServer({ port, host, handler: withStats(edge), closeDeadline: 1000, logger }));
  const resources = opened.move();
  const close = () => resources.disposeAsync();
  return { url: server.url, close, [Symbol.asyncDispose]: close };
}

/** Answers `/stats.json` itself. Everything else keeps the edge's fast seam. */
function withStats(edge: Edge): FetchHandler {
  const handler: FetchHandler = (request, connection) => {
    if (new URL(request.url).pathname !== statsPath) return edge.handle(request, connection);
    const { requests, hits, bytesFromUpstream, bytesToClients, bytes } = edge.stats;
    return Response.json(
      { requests, hits, bytesFromUpstream, bytesToClients, cachedBytes: bytes },
      { headers: { "cache-control": "no-store", "access-control-allow-origin": "*" } },
    );
  };
  return Object.assign(handler, {
    [rawHandler]: (raw: Parameters<Edge["handle"][typeof rawHandler]>[0]) =>
      raw.target.startsWith(statsPath) ? undefined : edge.handle[rawHandler](raw),
  });
}
