/** A wrapper that says of this edge, on each of its answers, what CMSD has words for. */

import { createGuard, type Guard } from "../guard/guard.ts";
import type { RawResponse } from "../handler/raw.ts";
import { type CmsdOptions, createCmsd } from "./cmsd.ts";

const FIELD = "cmsd-dynamic";

/** Options of {@link sendCmsd}. */
export interface SendCmsdOptions extends CmsdOptions {
  /** Milliseconds, steady. Default `performance.now`. */
  readonly clock?: () => number;
}

/**
 * Adds `CMSD-Dynamic` (CTA-5006) to each answer: the name, `du` while there is duress, and for what somebody waited for `rd`, the milliseconds
 * until its first byte was there. What servers behind this one said goes before it, but on answers from the cache: there it is no longer true.
 *
 * Answers that are alike stay one and the same object, so that the server's fast path keeps what it has of them.
 *
 * @throws {CdnError} `INVALID_OPTION` for a name that cannot be written.
 */
export function sendCmsd({ clock = () => performance.now(), ...options }: SendCmsdOptions): Guard {
  const cmsd = createCmsd(options);
  const known = new WeakMap<RawResponse, { readonly value: string; readonly answer: RawResponse }>();

  const atOnce = (answer: RawResponse): RawResponse => {
    const value = cmsd.value();
    const before = known.get(answer);
    if (before?.value === value) return before.answer;
    const marked = withField(answer, value);
    known.set(answer, { value, answer: marked });
    return marked;
  };

  return createGuard((next) => (request) => {
    const answer = next(request);
    if (!(answer instanceof Promise)) return atOnce(answer);
    const started = clock();
    return answer.then((later) => withField(later, cmsd.value({ responseDelay: clock() - started })));
  });
}

function withField(answer: RawResponse, value: string): RawResponse {
  const { headers, about } = answer;
  const isStored = about?.outcome === "hit" || about?.outcome === "stale";
  return { ...answer, headers: [...(isStored ? withoutField(headers) : headers), FIELD, value] };
}

function withoutField(headers: readonly string[]): readonly string[] {
  if (!headers.includes(FIELD)) return headers;
  return headers.filter((_, at) => headers[at - (at % 2)] !== FIELD);
}
