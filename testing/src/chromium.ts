/** A real Chromium, driven by playwright-core. */

import { type Browser, chromium, type Page } from "playwright-core";
import { peer } from "./peer.ts";

/** A running browser; dispose it to end it. */
export interface BrowserSession extends AsyncDisposable {
  readonly browser: Browser;
  /** A fresh page whose uncaught errors are collected in {@link errors}. */
  page(options?: { width?: number; height?: number }): Promise<Page>;
  /** Uncaught exceptions of all pages so far. */
  readonly errors: string[];
}

/** Starts a headless Chromium, silent and without any background traffic. Media may start without a gesture. */
export async function launchChromium(): Promise<BrowserSession> {
  const executablePath = peer("chromium");
  if (executablePath === null) throw new Error("no Chromium on this machine: set CHROME_PATH");
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--mute-audio",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
      "--disable-renderer-backgrounding",
      "--disable-background-timer-throttling",
      "--disable-backgrounding-occluded-windows",
    ],
  });
  const errors: string[] = [];
  return {
    browser,
    errors,
    async page({ width = 1280, height = 800 } = {}) {
      const context = await browser.newContext({ viewport: { width, height }, ignoreHTTPSErrors: true });
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(error.message));
      return page;
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
    },
  };
}
