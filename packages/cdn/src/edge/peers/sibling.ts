/**
 * Processes of one edge among each other. To whoever asks they are one cache: an answer that came by another one says what that one did, and
 * nothing of the way. So each says of its answers to the others what an access log would say of them.
 */

import type { AnswerFacts } from "../../handler/answer-facts.ts";
import type { RawRequest, RawResponse } from "../../handler/raw.ts";
import { errorResponse } from "../../http/error-response.ts";
import type { Upstream, UpstreamResponse } from "../upstream/upstream.ts";
import { PEER_FIELD, type PeerMarks } from "./peer-mark.ts";

/** Asked of a process that is late: whether it is there. The mark says so: clients may ask for any target. */
const ALIVE = "/";
const PROBE = "probe";
/** Milliseconds that this may take: a busy machine may keep it waiting. */
const ALIVE_DEADLINE = 2_000;

type Answerer = (request: RawRequest) => RawResponse | Promise<RawResponse>;

/** What another process says of its answer. */
export interface SiblingWord {
  readonly facts: AnswerFacts;
  /** Its member of `Cache-Status`. */
  readonly cacheStatus: string;
}

/** What processes of this edge ask each other by: for a socket that nobody else reaches. */
export function siblingDoor(answer: Answerer, marks: PeerMarks): Answerer {
  return (request) => {
    const from = marks.read(request.headers[PEER_FIELD], request.target);
    if (from === undefined) {
      return errorResponse(403, "UNAUTHORIZED", "this is for processes of the same edge");
    }
    if (from === PROBE) return { status: 204, headers: [], body: null };
    const answered = answer(request);
    return answered instanceof Promise ? answered.then(withFacts) : withFacts(answered);
  };
}

function withFacts(response: RawResponse): RawResponse {
  if (response.about === undefined) return response;
  return { ...response, headers: [...response.headers, PEER_FIELD, JSON.stringify(response.about)] };
}

/** Takes what a sibling says of its answer out of it. */
export function takeFacts(response: UpstreamResponse): UpstreamResponse {
  const headers: string[] = [];
  let said: string | undefined;
  for (let at = 0; at < response.headers.length; at += 2) {
    const [name, value] = [response.headers[at]!, response.headers[at + 1]!];
    if (name === PEER_FIELD) said = value;
    else headers.push(name, value);
  }
  return said === undefined ? response : { ...response, headers, sibling: JSON.parse(said) as AnswerFacts };
}

/** Parts the `Cache-Status` of an answer, where a sibling made it, into its word and what caches before this edge said. */
export function siblingWord(
  { sibling: facts }: Pick<UpstreamResponse, "sibling">,
  cacheStatus: string | undefined,
): { readonly before: string | undefined; readonly sibling: SiblingWord | undefined } {
  if (facts === undefined || cacheStatus === undefined) return { before: cacheStatus, sibling: undefined };
  // Its own member has no commas in it.
  const comma = cacheStatus.lastIndexOf(", ");
  return {
    before: comma === -1 ? undefined : cacheStatus.slice(0, comma),
    sibling: { facts, cacheStatus: cacheStatus.slice(comma === -1 ? 0 : comma + 2) },
  };
}

/** Whether a process answers at all. Never rejects. */
export async function isAlive(upstream: Upstream, marks: PeerMarks): Promise<boolean> {
  const signal = AbortSignal.timeout(ALIVE_DEADLINE);
  try {
    const headers = [PEER_FIELD, marks.make(PROBE, ALIVE)];
    const request = { method: "GET", target: ALIVE, headers, body: null, signal };
    return (await upstream.send(request)).status === 204;
  } catch {
    return false;
  }
}
