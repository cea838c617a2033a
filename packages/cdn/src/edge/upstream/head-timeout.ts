/** Waits so long for an answer's head, and no longer. */

import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import type { Upstream, UpstreamRequest, UpstreamResponse } from "./upstream.ts";

/**
 * Asks, and gives up when no head came for so many milliseconds, or the controller aborts.
 *
 * @throws {CdnError} `UPSTREAM_TIMEOUT`, what the upstream throws, or the controller's reason.
 */
export async function withHeadTimeout(
  upstream: Upstream,
  request: UpstreamRequest,
  controller: AbortController,
  milliseconds: number,
): Promise<UpstreamResponse> {
  const { signal } = controller;
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    timer = setTimeout(() => {
      controller.abort(new CdnError("UPSTREAM_TIMEOUT", `${upstream.name} gave no answer for ${milliseconds} ms`));
    }, milliseconds);
  });
  const sent = upstream.send({ ...request, signal });
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
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}
