/** Refusals: answers that cost next to nothing, because the same one is given again and again. */

import type { CdnErrorCode } from "../errors.ts";
import type { RawResponse } from "../handler/raw.ts";
import { formatHttpDate } from "../http/conditional.ts";
import { errorResponse } from "../http/error-response.ts";

/** What a refusal says. */
export interface RefusalText {
  readonly status: number;
  readonly code: CdnErrorCode;
  readonly message: string;
  /** Name, value, name, value…; names in lower case. */
  readonly headers?: readonly string[];
}

/** Gives the refusal. */
export type Refusal = () => RawResponse;

/**
 * A refusal that is made once a second. It carries its `Date`, and the server keeps the bytes of a head with a date for as long as it is
 * handed the same array: so a flood of them is a write each. Scripts of every site may read it, so that players can say what is wrong.
 *
 * @param clock - milliseconds since 1970.
 */
export function createRefusal(
  { status, code, message, headers = [] }: RefusalText,
  clock: () => number = Date.now,
): Refusal {
  const plain = errorResponse(status, code, message, [...headers, "access-control-allow-origin", "*"]);
  const about = { outcome: "refused", reason: code } as const;
  let second = Number.NaN;
  let answer: RawResponse = plain;
  return () => {
    const now = Math.floor(clock() / 1000);
    if (now !== second) {
      second = now;
      answer = { ...plain, headers: [...plain.headers, "date", formatHttpDate(now * 1000)], about };
    }
    return answer;
  };
}
