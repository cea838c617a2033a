/** What the tests of upstreams share. */

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Upstream, UpstreamRequest, UpstreamResponse } from "./upstream.ts";

/** Asks an upstream for something. */
export function send(
  upstream: Upstream,
  target: string,
  more: Partial<Omit<UpstreamRequest, "target">> = {},
): Promise<UpstreamResponse> {
  const { signal } = new AbortController();
  return upstream.send({ method: "GET", target, headers: [], body: null, signal, ...more });
}

/** The whole body. */
export async function textOf({ body }: Pick<UpstreamResponse, "body">): Promise<string> {
  if (body === null) return "";
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Status and body of what an upstream answers. */
export async function ask(upstream: Upstream, target: string, more?: Parameters<typeof send>[2]): Promise<string> {
  const response = await send(upstream, target, more);
  return `${response.status} ${await textOf(response)}`;
}

/** A server of bare node:http on a unix domain socket. @returns its path. */
export async function listenOnSocket(listener: RequestListener): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "upstream-test-"));
  const path = join(folder, "http.sock");
  const server = createServer(listener).listen(path);
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return path;
}
