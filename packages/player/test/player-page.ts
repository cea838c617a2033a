/** What browser tests do with a player on a page. */

import type { Page } from "playwright-core";
import type { PlayerState, PlayerStats } from "../src/index.ts";

/** One event of the player, as far as it can be carried over from the page. */
export interface SeenEvent {
  readonly type: string;
  readonly code?: string;
  readonly fatal?: boolean;
  readonly state?: string;
  readonly source?: string;
}

declare global {
  interface Window {
    seen: SeenEvent[];
  }
}

/** Waits until the player is in a state. */
export async function waitForState(page: Page, state: PlayerState, timeout = 30_000): Promise<void> {
  await page.waitForFunction((wanted) => document.querySelector("ami-player")?.state === wanted, state, { timeout });
}

/** Waits until the play position has moved by `seconds`. */
export async function waitForProgress(page: Page, seconds = 1, timeout = 30_000): Promise<void> {
  await page.waitForFunction(
    ({ seconds }) => {
      const player = document.querySelector("ami-player");
      if (player === null || player.state !== "playing") return false;
      const { dataset, currentTime } = player;
      const from = Number(dataset.from ?? currentTime);
      dataset.from = `${Math.min(from, currentTime)}`;
      if (currentTime < from + seconds) return false;
      delete dataset.from;
      return true;
    },
    { seconds },
    { timeout },
  );
}

/** The numbers of the player now. */
export async function statsOf(page: Page): Promise<PlayerStats> {
  const stats = await page.evaluate(() => document.querySelector("ami-player")?.stats ?? null);
  if (stats === null) throw new Error("the player has no statistics");
  return stats;
}

/** Starts noting events; read them with {@link seenEvents}. */
export async function noteEvents(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.seen = [];
    const player = document.querySelector("ami-player")!;
    player.addEventListener("ami-error", ({ type, detail }) =>
      window.seen.push({ type, code: detail.error.code, fatal: detail.fatal }),
    );
    player.addEventListener("ami-recovered", ({ type, detail }) => window.seen.push({ type, code: detail.error.code }));
    player.addEventListener("ami-state", ({ type, detail }) => window.seen.push({ type, state: detail.state }));
    player.addEventListener("ami-source-change", ({ type, detail }) =>
      window.seen.push({ type, source: detail.source }),
    );
  });
}

export function seenEvents(page: Page): Promise<SeenEvent[]> {
  return page.evaluate(() => window.seen);
}
