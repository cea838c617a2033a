/** What came of asking one upstream, and which of several outcomes a client gets. */

import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import { errorResponse } from "../../http/error-response.ts";
import type { UpstreamResponse } from "./upstream.ts";

// Where no upstream has an answer, the client gets the highest of these.
/** 404, 410: it has no such thing, others may. */
export const MISSING = 0;
export const NO_ANSWER = 1;
/** Another 5xx. */
const ERROR = 2;
/** 503: it has it, and not now. That tells a client most. */
const UNAVAILABLE = 3;
export const ANSWER = 4;

export type Outcome =
  | {
      readonly rank: typeof MISSING | typeof ERROR | typeof UNAVAILABLE | typeof ANSWER;
      readonly response: UpstreamResponse;
    }
  | { readonly rank: typeof NO_ANSWER; readonly error: unknown };

/** The outcome that an answer is. */
export function outcomeOf(response: UpstreamResponse): Outcome {
  const { status } = response;
  if (status === 404 || status === 410) return { rank: MISSING, response };
  if (status < 500) return { rank: ANSWER, response };
  return { rank: status === 503 ? UNAVAILABLE : ERROR, response };
}

/** The outcome that no answer is. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof CdnError && error.code === "UPSTREAM_BUSY") return { rank: UNAVAILABLE, response: busy() };
  return { rank: NO_ANSWER, error };
}

/** The better one; the other's body is let go of. */
export function better(one: Outcome | undefined, other: Outcome): Outcome {
  const isBetter = one === undefined || other.rank > one.rank;
  forget(isBetter ? one : other);
  return isBetter ? other : one;
}

/** Nobody will read it. */
export function forget(outcome: Outcome | undefined): void {
  if (outcome !== undefined && outcome.rank !== NO_ANSWER) letGo(outcome.response.body);
}

/** Cross-origin pages may read it, and their players ask again. */
function busy(): UpstreamResponse {
  const headers = ["retry-after", "1", "access-control-allow-origin", "*"];
  const message = "too many requests wait for the upstream already: ask again";
  return { ...errorResponse(503, "UPSTREAM_BUSY", message, headers), closeDelimited: false };
}
