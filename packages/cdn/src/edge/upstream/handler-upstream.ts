/** An upstream in the same process: any fetch handler. */

import { CdnError } from "../../errors.ts";
import { fromResponse, toRequest } from "../../handler/convert.ts";
import type { FetchHandler } from "../../handler/fetch-handler.ts";
import { hopByHop } from "../../http/fields.ts";
import type { Upstream } from "./upstream.ts";

/** The host that a handler sees: the same for every request, since answers are shared between them. */
const ORIGIN = "http://upstream.internal";

/** Asks a handler. */
export function createHandlerUpstream(handler: FetchHandler, name: string): Upstream {
  const isHopByHop = hopByHop(undefined);
  return {
    name,
    async send({ method, target, headers, body, signal }) {
      const fields: Record<string, string> = {};
      for (let at = 0; at < headers.length; at += 2) {
        const field = headers[at]!;
        if (!isHopByHop(field)) fields[field] = headers[at + 1]!;
      }
      try {
        const request = { method, target, origin: ORIGIN, headers: fields, body, connection: undefined, signal };
        const response = fromResponse(await handler(toRequest(request)), method);
        return { ...response, closeDelimited: false };
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        throw new CdnError("UPSTREAM_FAILED", `${name} threw`, { cause });
      }
    },
    async close() {},
  };
}
