/** The dashboard of edges: polls each one's counters and shows what changed. */

import type { EdgeCounters, PageConfig } from "../config.ts";

/** Milliseconds between two looks at the counters. */
const pollInterval = 1000;

interface Row {
  readonly url: string;
  readonly element: HTMLElement;
  previous: (EdgeCounters & { at: number }) | undefined;
  alive: boolean;
}

/** Cards with requests, hit ratio, bytes from the origin and bytes to viewers. */
export class EdgeDashboard {
  readonly #rows: Row[];

  constructor(container: HTMLElement, edges: PageConfig["edges"]) {
    this.#rows = edges.map(({ name, url }) => {
      const element = document.createElement("article");
      element.className = "card edge";
      element.dataset.edge = url;
      element.innerHTML = `
        <header><h3></h3><span class="state">…</span></header>
        <dl>
          <div><dt>requests / s</dt><dd data-fact="rate">–</dd></div>
          <div><dt>requests</dt><dd data-fact="requests">–</dd></div>
          <div><dt>hit ratio</dt><dd data-fact="ratio">–</dd></div>
          <div><dt>in cache</dt><dd data-fact="cached">–</dd></div>
        </dl>
        <div class="bars">
          <div class="from"><span>from origin</span><i></i><b data-fact="from">–</b></div>
          <div class="to"><span>to viewers</span><i></i><b data-fact="to">–</b></div>
        </div>`;
      element.querySelector("h3")!.textContent = `${name} · ${new URL(url).host}`;
      container.append(element);
      return { url, element, previous: undefined, alive: false };
    });
  }

  /** Polls until the page goes away. */
  start(): void {
    const poll = async () => {
      await Promise.all(this.#rows.map((row) => this.#poll(row)));
      setTimeout(poll, pollInterval);
    };
    void poll();
  }

  /** Marks the edge that the player takes its bytes from. */
  markWatching(source: string | null): void {
    for (const row of this.#rows) {
      row.element.classList.toggle("watching", source !== null && new URL(source).origin === new URL(row.url).origin);
    }
  }

  async #poll(row: Row): Promise<void> {
    try {
      const response = await fetch(new URL("/stats.json", row.url), {
        cache: "no-store",
        signal: AbortSignal.timeout(2000),
      });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      this.#show(row, (await response.json()) as EdgeCounters);
      row.alive = true;
    } catch {
      row.alive = false;
      row.previous = undefined;
    }
    row.element.classList.toggle("down", !row.alive);
    row.element.querySelector(".state")!.textContent = row.alive ? "up" : "does not answer";
  }

  #show(row: Row, counters: EdgeCounters): void {
    const now = performance.now();
    const { previous } = row;
    const set = (fact: string, text: string) => {
      row.element.querySelector(`[data-fact="${fact}"]`)!.textContent = text;
    };
    set("requests", counters.requests.toLocaleString("en"));
    set("ratio", counters.requests === 0 ? "–" : `${((100 * counters.hits) / counters.requests).toFixed(1)} %`);
    set("cached", bytes(counters.cachedBytes));
    set("from", bytes(counters.bytesFromUpstream));
    set("to", bytes(counters.bytesToClients));
    if (previous !== undefined) {
      set("rate", (((counters.requests - previous.requests) * 1000) / (now - previous.at)).toFixed(1));
    }
    const most = Math.max(1, counters.bytesFromUpstream, counters.bytesToClients);
    for (const [side, value] of [
      ["from", counters.bytesFromUpstream],
      ["to", counters.bytesToClients],
    ] as const) {
      row.element.querySelector<HTMLElement>(`.${side} i`)!.style.width = `${(100 * value) / most}%`;
    }
    row.previous = { ...counters, at: now };
  }
}

/** `12.3 MB`, in decimal units. */
function bytes(value: number): string {
  for (const [unit, size] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(1)} ${unit}`;
  }
  return `${value} B`;
}
