/** What the tests of HTTP/1.1 share: a server over either path, and raw clients of it. */

import { onTestFinished } from "vitest";
import { fromResponse, toRequest } from "../handler/convert.ts";
import type { Connection, FetchHandler } from "../handler/fetch-handler.ts";
import { type RawHandler, rawHandler } from "../handler/raw.ts";
import { connectRaw, type RawClient } from "./raw-client.test-peer.ts";
import { createServer, type Server } from "./server.ts";
import type { ServerOptions } from "./server-options.ts";

/** A promise, and what resolves it. */
export function gate<T = void>(): [Promise<T>, (value: T) => void] {
  let open = (_value: T): void => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return [opened, open];
}

function asRaw(handler: FetchHandler): FetchHandler {
  const raw: RawHandler = async (request) =>
    fromResponse(await handler(toRequest(request), request.connection), request.method);
  return Object.assign((request: Request, connection?: Connection) => handler(request, connection), {
    [rawHandler]: raw,
  });
}

/** Both ways through the server, which have to be the same one: what makes a handler take each. */
export const PATHS: [name: string, wrap: (handler: FetchHandler) => FetchHandler][] = [
  ["node:http", (handler) => handler],
  ["the fast path", asRaw],
];

/** A server that ends with the test. */
export async function serve(handler: FetchHandler, options: Partial<ServerOptions> = {}): Promise<Server> {
  const server = await createServer({ handler, port: 0, host: "127.0.0.1", ...options });
  onTestFinished(() => server.close());
  return server;
}

/** A client that ends with the test. */
export async function dial(server: Server): Promise<RawClient> {
  const client = await connectRaw(server.port);
  onTestFinished(() => client[Symbol.dispose]());
  return client;
}

/** All that a server says to a request until it closes. */
export async function exchange(server: Server, request: string): Promise<string> {
  const client = await dial(server);
  client.write(request);
  return await client.closed();
}

/** A clock for `createServer` that stands until the test moves it, and limits on time so short that the server looks at it often. */
export function standing(): { readonly clock: () => number; pass(milliseconds: number): void } {
  let now = 0;
  return {
    clock: () => now,
    pass(milliseconds) {
      now += milliseconds;
    },
  };
}
