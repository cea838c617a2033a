/**
 * Delay from the painted picture to the shown one, through an edge, read from the picture by the demo's own page; where it goes; and how soon the
 * first frame is there. All of it on this machine: test card, origin, edges and a Chromium that decodes in software.
 *
 * `SECONDS` for each protocol (default 60), `LOADS` of the page for the first frame (default 7), `ENCODER=libav` puts the ladder on. `MEDIAMTX` is
 * the path of a MediaMTX binary, which is then given the same card and watched by the same page in the same run.
 */

import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { createClient } from "@ami-streams/example-client";
import { portsFrom, startDemo } from "@ami-streams/example-demo";
import { createTestCard } from "@ami-streams/example-demo/test-card";
import { createRtmpClient } from "@ami-streams/ingest";
import { type BrowserSession, launchChromium } from "@ami-streams/testing";
import pino from "pino";
import { startMediamtx } from "./mediamtx.ts";

const seconds = Number(process.env.SECONDS ?? 60);
const loads = Number(process.env.LOADS ?? 7);
const encoder = process.env.ENCODER === "libav" ? "libav" : "none";
const targets = { hls: { p50: 1.2, p95: 2 }, dash: { p50: 2, p95: Number.POSITIVE_INFINITY } };
const firstFrameTarget = 700;
/** Milliseconds that a player may take to find its distance before it is measured. */
const settling = 5000;

/** What the page saw. Seconds. */
interface Watched {
  readonly delays: readonly number[];
  readonly buffers: readonly number[];
  readonly rates: readonly number[];
  readonly stalls: number;
  readonly dropped: string;
}

/** Loads the page a few times and gives the milliseconds to the first frame of each. */
async function firstFrames(session: BrowserSession, url: string): Promise<number[]> {
  const found: number[] = [];
  for (let load = 0; load < loads; load++) {
    const page = await session.page();
    await page.goto(url);
    const handle = await page.waitForFunction(() => document.querySelector("ami-player")?.stats?.startupTime, null, {
      timeout: 30_000,
    });
    found.push(1000 * ((await handle.jsonValue()) ?? Number.NaN));
    await page.context().close();
  }
  return found.sort((a, b) => a - b);
}

/** Watches for a while. Delays are those that the page's figure is made of: one reading of the picture each tenth of a second. */
async function watch(session: BrowserSession, url: string): Promise<Watched> {
  const page = await session.page();
  await page.goto(url);
  await page.waitForFunction(() => document.getElementById("delay-p50")?.textContent?.match(/\d/), null, {
    timeout: 30_000,
  });
  await page.waitForTimeout(settling);
  const seen = await page.evaluate(async (milliseconds) => {
    const player = document.querySelector("ami-player")!;
    const stalls = player.stats!.stalls;
    const delays: number[] = [];
    const buffers: number[] = [];
    const rates: number[] = [];
    window.addEventListener("delay", ({ detail }) => {
      delays.push(detail);
      buffers.push(player.stats!.bufferAhead);
      rates.push(player.stats!.playbackRate);
    });
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    const after = player.stats!;
    return {
      delays,
      buffers,
      rates,
      stalls: after.stalls - stalls,
      dropped: `${after.droppedFrames} of ${after.totalFrames}`,
    };
  }, seconds * 1000);
  await page.context().close();
  return seen;
}

function share(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

const s = (value: number) => value.toFixed(2);
const verdict = (holds: boolean) => (holds ? "holds" : "MISSED");

await using session = await launchChromium();
const cpu = cpus()[0]?.model.trim() ?? "unknown";
console.log(
  `Chromium ${session.browser.version()}, Node ${process.version}, ${availableParallelism()} × ${cpu}, load ${loadavg()[0]?.toFixed(1)} before`,
);
console.log(
  `1280x720p30 test card, ladder ${encoder === "none" ? "off" : "on"}, ${seconds} s each, page and player of the demo\n`,
);
const rows: string[] = [];
const missed: string[] = [];

{
  await using demo = await startDemo({
    ports: { ...portsFrom(0), rtmp: 0, page: 0, origin: 0, edges: [0, 0] },
    source: { kind: "test-card" },
    encoder,
    logger: pino({ level: "warn" }, pino.destination(2)),
  });
  const { page } = demo.addresses;
  const parts: string[] = [];
  for (const protocol of ["hls", "dash"] as const) {
    const url = `${page}?protocol=${protocol}`;
    const first = await firstFrames(session, url);
    const seen = await watch(session, url);
    const target = targets[protocol];
    const [p50, p95] = [share(seen.delays, 0.5), share(seen.delays, 0.95)];
    const startup = share(first, 0.5);
    const buffer = share(seen.buffers, 0.5);
    const holds = p50 <= target.p50 && p95 <= target.p95 && startup <= firstFrameTarget;
    if (!holds) missed.push(protocol);
    rows.push(row(`LL-${protocol.toUpperCase()} through an edge`, seen, first, verdict(holds)));
    const rate = share(seen.rates, 0.5);
    parts.push(`| ${protocol} | ${s(p50 - buffer)} | ${s(buffer)} | ${s(p50)} | ${s(rate)} |`);
  }
  console.log("| where the median goes, s | painted until in the player's buffer | in the buffer | whole | rate |");
  console.log(`| --- | --- | --- | --- | --- |\n${parts.join("\n")}\n`);
}

if (process.env.MEDIAMTX !== undefined) {
  await using mediamtx = await startMediamtx(process.env.MEDIAMTX);
  await using card = await createTestCard();
  await using client = createRtmpClient({ url: `${mediamtx.rtmp}/demo` });
  const published = client.publish(card);
  const config = { rtmp: mediamtx.rtmp, edges: [{ name: "MediaMTX", url: mediamtx.hls }], stream: "demo" };
  await using page = await createClient({ port: 0, config });
  await mediamtx.live("demo");
  const first = await firstFrames(session, page.url);
  rows.push(row(`${mediamtx.version}, LL-HLS, no edge`, await watch(session, page.url), first, ""));
  await card.close();
  await published;
}

function row(name: string, { delays, stalls, dropped }: Watched, first: readonly number[], result: string): string {
  const startup = `${Math.round(share(first, 0.5))} (${Math.round(first[0]!)}–${Math.round(first.at(-1)!)})`;
  return `| ${name} | ${s(share(delays, 0.5))} | ${s(share(delays, 0.95))} | ${s(Math.max(...delays))} | ${startup} | ${stalls} | ${dropped} | ${result} |`;
}

console.log("| what | p50 s | p95 s | worst s | first frame, ms | stalls | frames dropped | target |");
console.log(`| --- | --- | --- | --- | --- | --- | --- | --- |\n${rows.join("\n")}\n`);
const load = (await readFile("/proc/loadavg", "utf8").catch(() => "")).split(" ")[0];
console.log(`load ${load} after${missed.length > 0 ? `; missed: ${missed.join(", ")}` : ""}`);
