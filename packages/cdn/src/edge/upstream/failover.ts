/** Several upstreams as one: the next is asked where one fails. */

import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import type { Logger } from "../../logger.ts";
import type { Upstream, UpstreamRequest, UpstreamResponse, UpstreamTimeouts } from "./upstream.ts";

/** Milliseconds that an upstream which failed is asked last. */
export const UPSTREAM_COOLDOWN = 5_000;

/** Options of {@link createFailover}. */
export interface FailoverOptions {
  /** In the order of preference. */
  readonly upstreams: readonly Upstream[];
  readonly timeouts: UpstreamTimeouts;
  readonly clock: () => number;
  readonly logger: Logger;
}

/**
 * Asks upstreams in order, those that failed lately last. GET and HEAD go on to the next one when an upstream cannot be reached, has
 * no head in time, or answers with 500 to 599; the last answer stands. Other methods are sent once: they may have had their effect.
 */
export function createFailover({ upstreams, timeouts, clock, logger }: FailoverOptions): Upstream {
  const failedAt = new Map<Upstream, number>();

  const inOrder = (now: number): Upstream[] => {
    const cooling = (upstream: Upstream): boolean =>
      now - (failedAt.get(upstream) ?? Number.NEGATIVE_INFINITY) < UPSTREAM_COOLDOWN;
    return [...upstreams.filter((each) => !cooling(each)), ...upstreams.filter(cooling)];
  };

  return {
    name: upstreams.map(({ name }) => name).join(", "),
    async send(request) {
      const idempotent = request.method === "GET" || request.method === "HEAD";
      const candidates = idempotent ? inOrder(clock()) : inOrder(clock()).slice(0, 1);
      let failure: unknown;
      for (const [index, upstream] of candidates.entries()) {
        const isLast = index === candidates.length - 1;
        try {
          const response = await withHeadTimeout(upstream, request, timeouts.head);
          if (response.status < 500 || isLast) {
            if (response.status < 500) failedAt.delete(upstream);
            return response;
          }
          letGo(response.body);
          logger.warn({ upstream: upstream.name, status: response.status }, "asking the next upstream");
        } catch (error) {
          if (request.signal.aborted) throw error;
          failure = error;
          logger.warn({ upstream: upstream.name, err: error }, "an upstream failed");
        }
        failedAt.set(upstream, clock());
      }
      throw failure;
    },
    async close() {
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    },
  };
}

async function withHeadTimeout(
  upstream: Upstream,
  request: UpstreamRequest,
  milliseconds: number,
): Promise<UpstreamResponse> {
  const controller = new AbortController();
  const forward = (): void => controller.abort(request.signal.reason);
  if (request.signal.aborted) forward();
  request.signal.addEventListener("abort", forward, { once: true });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new CdnError("UPSTREAM_TIMEOUT", `${upstream.name} gave no answer for ${milliseconds} ms`);
      controller.abort(error);
      reject(error);
    }, milliseconds);
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
  });
  const sent = upstream.send({ ...request, signal: controller.signal });
  try {
    return await Promise.race([sent, late]);
  } catch (error) {
    // An upstream that does not heed the signal may answer all the same, when nobody waits any more.
    sent.then(
      ({ body }) => letGo(body),
      () => {},
    );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
