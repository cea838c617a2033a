/** What the tests of the edge share: upstreams that do what a test says. */

import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";

export { gate } from "../server/http1.test-setup.ts";

import { createServer } from "../server/server.ts";
import { createEdge, type Edge } from "./edge.ts";
import type { EdgeOptions } from "./options.ts";

/** An upstream of bare node:http: `listener` may misbehave as it likes. */
export async function upstream(listener: RequestListener): Promise<string> {
  const server = createHttpServer({ keepAliveTimeout: 1000 }, listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An edge behind a server. */
export async function serveEdge(options: EdgeOptions): Promise<{ edge: Edge; url: string; port: number }> {
  const edge = createEdge(options);
  const server = await createServer({ handler: edge.handle, port: 0, host: "127.0.0.1" });
  onTestFinished(async () => {
    await server.close();
    await edge.close();
  });
  return { edge, url: server.url, port: server.port };
}

/** An upstream in the process that counts, answers with text and the fields given, and whose clock the test moves. */
export function cached(
  fields: Record<string, string>,
  body: (request: Request, turn: number) => string = (_r, n) => `${n}`,
) {
  const state = { asked: 0, now: Date.UTC(2026, 0, 1), requests: [] as Request[] };
  const handler: FetchHandler = (request) => {
    state.asked += 1;
    state.requests.push(request);
    return bytesResponse(Buffer.from(body(request, state.asked)), { headers: fields });
  };
  const edge = createEdge({ upstreams: [handler], clock: () => state.now });
  onTestFinished(() => edge.close());
  const ask = (path: string, init?: RequestInit): Promise<Response> =>
    Promise.resolve(edge.handle(new Request(`http://edge${path}`, init)));
  return { state, edge, ask };
}
