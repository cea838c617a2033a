/** The reference edge: `ami-edge` within this process, with the counters that the demo's page shows. */

import { type FetchHandler, type RawFetchHandler, rawHandler } from "@ami-streams/cdn";
import { startEdgeProgram } from "@ami-streams/cdn/program";
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
  /** Port for operators, on the same address: `/metrics`, `/readyz`, `/stats`. Default: none. */
  readonly adminPort?: number;
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
  adminPort,
  logger,
}: EdgeOptions): Promise<RunningEdge> {
  const program = await startEdgeProgram({
    source: {
      flags: {
        port,
        host,
        upstreams,
        memory,
        name,
        // No answer of our origin depends on a query but a blocking reload's: no other may make the edge ask again.
        cache: { keepParams: [] },
        drain: "1s",
        admin: adminPort === undefined ? false : { host, port: adminPort },
      },
    },
    logger,
    around: withStats,
  });
  const { url, close } = program;
  return { url, close, [Symbol.asyncDispose]: close };
}

interface Counters {
  readonly requests: number;
  readonly hits: number;
  readonly bytesFromUpstream: number;
  readonly bytesToClients: number;
  readonly bytes: number;
}

/** Answers `/stats.json` itself. Everything else keeps the edge's fast seam. */
function withStats(edge: RawFetchHandler, stats: Counters): FetchHandler {
  const handler: FetchHandler = (request, connection) => {
    if (new URL(request.url).pathname !== statsPath) return edge(request, connection);
    const { requests, hits, bytesFromUpstream, bytesToClients, bytes } = stats;
    return Response.json(
      { requests, hits, bytesFromUpstream, bytesToClients, cachedBytes: bytes },
      { headers: { "cache-control": "no-store", "access-control-allow-origin": "*" } },
    );
  };
  return Object.assign(handler, {
    [rawHandler]: (raw: Parameters<RawFetchHandler[typeof rawHandler]>[0]) =>
      raw.target.startsWith(statsPath) ? undefined : edge[rawHandler](raw),
  });
}
