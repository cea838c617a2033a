/** Several upstreams as one: the next is asked where one fails, or has not what is asked for. */

import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import { errorResponse } from "../../http/error-response.ts";
import type { Logger } from "../../logger.ts";
import type { Upstream, UpstreamRequest, UpstreamResponse, UpstreamTimeouts } from "./upstream.ts";

/** Milliseconds that an upstream which is down is asked last. */
export const UPSTREAM_COOLDOWN = 5_000;

/** Options of {@link createFailover}. */
export interface FailoverOptions {
  /** In the order of preference. */
  readonly upstreams: readonly Upstream[];
  readonly timeouts: UpstreamTimeouts;
  readonly clock: () => number;
  readonly logger: Logger;
}

/** What came of asking one upstream. */
type Outcome =
  | { readonly rank: Exclude<Rank, typeof NO_ANSWER>; readonly response: UpstreamResponse }
  | { readonly rank: typeof NO_ANSWER; readonly error: unknown };

type Rank = typeof MISSING | typeof NO_ANSWER | typeof ERROR | typeof UNAVAILABLE | typeof ANSWER;

// Where no upstream has an answer, the client gets the highest of these.
/** 404, 410: it has no such thing, others may. */
const MISSING = 0;
const NO_ANSWER = 1;
/** Another 5xx. */
const ERROR = 2;
/** 503: it has it, and not now. That tells a client most. */
const UNAVAILABLE = 3;
const ANSWER = 4;

/**
 * Asks upstreams in order, those that were down lately last. GET and HEAD go on to the next one, each being asked once at most, when an
 * upstream gives no head in time or no answer at all, answers with 500 to 599, or has no such thing (404, 410): others may have streams that
 * it has not. Where none has a better answer a 503 stands, then another 5xx, then the failure to get one; a 404 only if all say so. Other
 * methods are sent once: they may have had their effect.
 *
 * Down is who cannot be reached, is late, or answers 502 or 504. Other errors are about what was asked for, and change no order.
 */
export function createFailover({ upstreams, timeouts, clock, logger }: FailoverOptions): Upstream {
  const downAt = new Map<Upstream, number>();

  const inOrder = (now: number): Upstream[] => {
    if (downAt.size === 0) return [...upstreams];
    const cooling = (upstream: Upstream): boolean =>
      now - (downAt.get(upstream) ?? Number.NEGATIVE_INFINITY) < UPSTREAM_COOLDOWN;
    return [...upstreams.filter((each) => !cooling(each)), ...upstreams.filter(cooling)];
  };

  const ask = async (upstream: Upstream, request: UpstreamRequest): Promise<Outcome> => {
    try {
      const response = await withHeadTimeout(upstream, request, timeouts.head);
      const { status } = response;
      if (status === 502 || status === 504) downAt.set(upstream, clock());
      else downAt.delete(upstream);
      if (status === 404 || status === 410) return { rank: MISSING, response };
      if (status < 500) return { rank: ANSWER, response };
      // A 503 is how an origin says that a publisher is away: players ask for it again and again.
      const level = status === 503 ? "debug" : "warn";
      logger[level]({ upstream: upstream.name, status }, "an upstream answered with an error");
      return { rank: status === 503 ? UNAVAILABLE : ERROR, response };
    } catch (error) {
      if (request.signal.aborted) throw error;
      logger.warn({ upstream: upstream.name, err: error }, "an upstream failed");
      const code = error instanceof CdnError ? error.code : undefined;
      if (code === "UPSTREAM_BUSY") return { rank: UNAVAILABLE, response: busy() };
      if (code === "UPSTREAM_UNREACHABLE" || code === "UPSTREAM_TIMEOUT") downAt.set(upstream, clock());
      return { rank: NO_ANSWER, error };
    }
  };

  return {
    name: upstreams.map(({ name }) => name).join(", "),
    async send(request) {
      const idempotent = request.method === "GET" || request.method === "HEAD";
      const candidates = idempotent ? inOrder(clock()) : inOrder(clock()).slice(0, 1);
      let best: Outcome | undefined;
      try {
        for (const upstream of candidates) {
          const outcome = await ask(upstream, request);
          const isBetter = best === undefined || outcome.rank > best.rank;
          forget(isBetter ? best : outcome);
          if (isBetter) best = outcome;
          if (outcome.rank === ANSWER) break;
        }
      } catch (error) {
        forget(best);
        throw error;
      }
      if (best === undefined || best.rank === NO_ANSWER) throw best?.error;
      return best.response;
    },
    async close() {
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    },
  };
}

function forget(outcome: Outcome | undefined): void {
  if (outcome !== undefined && outcome.rank !== NO_ANSWER) letGo(outcome.response.body);
}

/** Cross-origin pages may read it, and their players ask again. */
function busy(): UpstreamResponse {
  const headers = ["retry-after", "1", "access-control-allow-origin", "*"];
  const message = "too many requests wait for the upstream already: ask again";
  return { ...errorResponse(503, "UPSTREAM_BUSY", message, headers), closeDelimited: false };
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
