/** What an edge tells another one of the purges it knows, when it asks it for an object: see `Purges.seen`. */

import { without } from "../fill/response-head.ts";
import type { Upstream } from "../upstream/upstream.ts";

export const PURGES_SEEN_FIELD = "ami-purges-seen";

/** An upstream that is told nothing of purges: they mean nothing to those of an edge that is alone. */
export function withoutPurgesSeen(upstream: Upstream): Upstream {
  return {
    name: upstream.name,
    send: (request) => upstream.send({ ...request, headers: without(request.headers, [PURGES_SEEN_FIELD]) }),
    close: () => upstream.close(),
  };
}
