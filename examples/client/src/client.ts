/** Serves the page. */

import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";
import { bytesResponse, createServer, type FetchHandler, type Server } from "@ami-streams/cdn";
import type { PageConfig } from "./config.ts";

/** How to serve the page. */
export interface ClientOptions {
  /** TCP port; 0 takes a free one. */
  readonly port: number;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** What the page shows. A function is asked at every load. */
  readonly config: PageConfig | (() => PageConfig);
}

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

/**
 * Serves the page on a port of its own, so that it reaches edges across origins as a real site does.
 *
 * @throws when the page has not been built (`pnpm build`).
 */
export async function createClient({ port, host = "127.0.0.1", config }: ClientOptions): Promise<Server> {
  return createServer({ port, host, closeDeadline: 1000, handler: createPageHandler(await readPage(), config) });
}

type Page = ReadonlyMap<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string }>;

async function readPage(): Promise<Page> {
  const folder = new URL(import.meta.url.includes("/dist/") ? "./page/" : "../dist/page/", import.meta.url);
  const page = new Map();
  for (const name of await readdir(folder)) {
    const type = types[extname(name)];
    if (type !== undefined)
      page.set(name === "index.html" ? "/" : `/${name}`, { bytes: await readFile(new URL(name, folder)), type });
  }
  return page;
}

function createPageHandler(page: Page, config: ClientOptions["config"]): FetchHandler {
  return (request) => {
    const { pathname } = new URL(request.url);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("method not allowed\n", { status: 405, headers: { allow: "GET, HEAD" } });
    }
    if (pathname === "/config.json") {
      return Response.json(typeof config === "function" ? config() : config, {
        headers: { "cache-control": "no-store" },
      });
    }
    const file = page.get(pathname);
    if (file === undefined) return new Response("not found\n", { status: 404 });
    return bytesResponse(file.bytes, { headers: { "content-type": file.type, "cache-control": "no-cache" } });
  };
}
