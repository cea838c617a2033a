/** A page with the embed file on it, in a real Chromium. */

import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { launchChromium } from "@ami-streams/testing";
import type { Page } from "playwright-core";
import { build } from "tsup";
import { embed } from "../tsup.config.ts";

const types: Record<string, string> = { ".js": "text/javascript", ".html": "text/html", ".mp4": "video/mp4" };

/** Browser, page server and the built embed files. */
export interface Harness extends AsyncDisposable {
  /** Folder of the embed build. */
  readonly folder: string;
  /** Address the pages are served from. */
  readonly url: string;
  /** Uncaught exceptions, and rejections that nobody handled, of all pages so far. */
  readonly errors: string[];
  /** Serves a fixture under a name of the pages' own origin. */
  serve(name: string, fixture: string): Promise<void>;
  /** A page whose body is `html`; the player's script is in it already. The page before is closed, so that only one plays. */
  open(html: string, size?: { width: number; height: number }): Promise<Page>;
}

export async function startHarness(): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), "ami-player-"));
  await build({ ...embed, outDir: folder, config: false, silent: true, clean: false });
  let html = "";
  let opened: Page | null = null;
  const server = createServer(async (request, response) => {
    const path = (request.url ?? "/").split("?")[0]!;
    if (path === "/") return void response.setHeader("content-type", "text/html").end(html);
    const bytes = await readFile(join(folder, path.slice(1))).catch(() => null);
    if (bytes === null) return void response.writeHead(404).end();
    response.setHeader("content-type", types[extname(path)] ?? "application/octet-stream").end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const session = await launchChromium();
  const url = `http://127.0.0.1:${port}`;
  return {
    folder,
    url,
    errors: session.errors,
    serve: (name, fixture) => copyFile(new URL(`fixtures/${fixture}`, import.meta.url), join(folder, name)),
    async open(body, size) {
      html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Player</title><link rel="icon" href="data:,"><style>body{margin:0;background:#0b0f14;color:#fff}ami-player{max-width:1100px;margin:0 auto}</style>
<script type="module" src="/ami-player.js"></script></head><body><main><h1>Player</h1>${body}</main></body></html>`;
      await opened?.context().close();
      const page = await session.page(size);
      opened = page;
      await page.goto(url);
      await page.waitForFunction(() => customElements.get("ami-player") !== undefined);
      return page;
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
