/** Who may publish and play. */

import { IngestError } from "../errors.ts";
import type { StreamRequest } from "./command/stream-request.ts";

/** What someone asks to do. */
export interface AuthorizeRequest extends StreamRequest {
  readonly action: "publish" | "play";
  /** IP address of the peer. */
  readonly address: string;
  /** Aborts when the peer has gone or the decision came too late. */
  readonly signal: AbortSignal;
}

/** `true` lets them; `false`, or a reason that the peer is shown, does not. */
export type AuthorizeDecision = boolean | { readonly denied: string };

/** Decides. A rejected promise is a no, and is logged. */
export type Authorize = (request: AuthorizeRequest) => AuthorizeDecision | Promise<AuthorizeDecision>;

/**
 * Asks, for so long.
 *
 * @throws {IngestError} `UNAUTHORIZED` with the reason, unless the answer was yes.
 */
export async function askAuthorize(
  authorize: Authorize,
  request: Omit<AuthorizeRequest, "signal">,
  timeout: number,
  gone: AbortSignal,
): Promise<void> {
  const ending = new AbortController();
  let refuse: (denied: string) => void = () => {};
  const refused = new Promise<AuthorizeDecision>((resolve) => {
    refuse = (denied) => {
      resolve({ denied });
      ending.abort();
    };
  });
  const timer = setTimeout(() => refuse("the authorization took too long"), timeout);
  const onGone = () => refuse("the connection has gone");
  gone.addEventListener("abort", onGone, { once: true });
  try {
    const decision = await Promise.race([authorize({ ...request, signal: ending.signal }), refused]);
    if (decision === true) return;
    throw new IngestError("UNAUTHORIZED", decision === false ? `not allowed to ${request.action}` : decision.denied);
  } catch (error) {
    if (error instanceof IngestError && error.code === "UNAUTHORIZED") throw error;
    throw new IngestError("UNAUTHORIZED", "the authorization failed", { cause: error });
  } finally {
    clearTimeout(timer);
    gone.removeEventListener("abort", onGone);
  }
}
