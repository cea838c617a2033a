/** A caching edge as a fetch handler. `EdgeCache` does the work; this file puts it together. */

import { fromRequest, toResponse } from "../handler/convert.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { type RawFetchHandler, rawHandler } from "../handler/raw.ts";
import { silentLogger } from "../logger.ts";
import { EdgeCache } from "./edge-cache.ts";
import { checkEdgeOptions } from "./edge-rules.ts";
import { checkBytes, type EdgeCacheOptions, type EdgeOptions } from "./options.ts";
import { createPeerUpstream } from "./peers/peer-upstream.ts";
import { createGroupInvalidation } from "./purge/group-invalidation.ts";
import { type EdgeStats, observeStats } from "./stats.ts";
import { DEFAULT_UPSTREAM_TIMEOUTS } from "./upstream/upstream.ts";
import type { UpstreamOption } from "./upstream/upstream-options.ts";
import { createUpstreams } from "./upstream/upstreams.ts";

/** A caching edge. */
export interface Edge extends AsyncDisposable {
  /** Carries the fast seam {@link rawHandler}, so that the server adapter answers a hit without `Request` or `Response`. */
  readonly handle: RawFetchHandler;
  /** Live: read it whenever you like. */
  readonly stats: EdgeStats;
  /**
   * Bounds the memory cache anew, in bytes, instead of `cache.maxBytes`. What no longer fits leaves at once, but for what is still being sent.
   *
   * @throws {CdnError} `INVALID_OPTION`.
   */
  resize(maxBytes: number): void;
  /** Ends what is arriving and the connections to upstreams. Close the server in front of it first. Idempotent. */
  close(): Promise<void>;
}

/**
 * An edge in front of one or more upstreams, with a memory cache.
 *
 * Serves from memory what the upstream's caching fields allow (RFC 9111), asks the upstream once however many ask for the same thing,
 * and passes on what is arriving to all of them as it arrives. `Cache-Status` (RFC 9211) on every answer of its own says what happened; what guards
 * and servers in front refuse has none.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function createEdge(options: EdgeOptions): Edge {
  checkEdgeOptions(options);
  const { logger = silentLogger, name = "ami-edge" } = options;
  const clock = options.clock ?? (() => Math.floor(performance.now()));
  const systemClock = options.clock ?? (() => Date.now());
  const timeouts = { ...DEFAULT_UPSTREAM_TIMEOUTS, ...options.timeouts };
  const { balance, retry, hedge, circuit, peers } = options;
  const own = createUpstreams({
    ...{ upstreams: options.upstreams, name, timeouts, clock, systemClock, logger },
    ...(balance !== undefined && { balance }),
    ...(retry !== undefined && { retry }),
    ...(hedge !== undefined && { hedge }),
    ...(circuit !== undefined && { circuit }),
  });
  const shared = peers && createPeerUpstream({ ...peers, fallback: own, name, clock, logger });
  const upstream = shared ?? own;
  const cache = new EdgeCache({
    ...{ upstream, name, clock, systemClock, logger, timeouts, cache: cacheOptionsOf(options) },
    ...(options.forward !== undefined && { forward: options.forward }),
    ...(shared !== undefined && { peers: shared }),
    ...(options.disk !== undefined && { disk: options.disk }),
    ...(options.live !== undefined && { live: options.live }),
    ...(options.cmcd !== undefined && { cmcd: options.cmcd }),
    ...(options.purges !== undefined && {
      purges: options.purges,
      onInvalidation: createGroupInvalidation({ purges: options.purges, clock, logger }),
    }),
  });
  const stopObserving = observeStats(name, cache.stats);

  const fetch: FetchHandler = async (request, connection) => {
    const answer = await cache.answer(fromRequest(request, connection));
    // Nobody can say when a `Response` has been read: what such a reader keeps alive is not counted.
    answer.release?.();
    return toResponse(answer, request.method);
  };
  const handle = Object.assign(fetch, { [rawHandler]: cache.answer.bind(cache) });

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      stopObserving();
      cache.close();
      await upstream.close();
    })();
    return closing;
  };
  const resize = (maxBytes: number): void => {
    checkBytes("maxBytes", maxBytes);
    cache.resize(maxBytes);
  };
  return { handle, stats: cache.stats, resize, close, [Symbol.asyncDispose]: close };
}

/** A bucket is sent no credentials but its own: those of clients make no difference there. */
function cacheOptionsOf({ cache = {}, upstreams }: EdgeOptions): EdgeCacheOptions {
  const isBucket = (option: UpstreamOption): boolean => typeof option === "object" && option.s3 !== undefined;
  return { ignoreAuthorization: upstreams.every(isBucket), ...cache };
}
