/** Delay from the painted picture to the shown one, through an edge, read from the picture by the demo's own page. */

import { portsFrom, startDemo } from "@ami-streams/example-demo";
import { launchChromium } from "@ami-streams/testing";
import pino from "pino";

const duration = Number(process.env.SECONDS ?? 60);
const protocols = ["hls", "dash"] as const;

await using demo = await startDemo({
  ports: { ...portsFrom(0), rtmp: 0, page: 0, origin: 0, edges: [0, 0] },
  source: { kind: "test-card" },
  encoder: process.env.ENCODER === "libav" ? "libav" : "none",
  logger: pino({ level: "warn" }, pino.destination(2)),
});
await using session = await launchChromium();
console.log(
  `Chromium ${session.browser.version()}, ${duration} s each, ladder ${process.env.ENCODER === "libav" ? "on" : "off"}`,
);
console.log("| protocol | first frame ms | p50 s | p95 s | worst s | stalls |\n| --- | --- | --- | --- | --- | --- |");
for (const protocol of protocols) {
  const page = await session.page();
  await page.goto(`${demo.addresses.page}?protocol=${protocol}`);
  await page.waitForFunction(() => document.getElementById("delay-p50")?.textContent?.match(/\d/), null, {
    timeout: 30_000,
  });
  const delays: number[] = [];
  const began = performance.now();
  while (performance.now() - began < duration * 1000) {
    await page.waitForTimeout(200);
    const shown = Number(await page.textContent("#delay"));
    if (Number.isFinite(shown) && shown > 0) delays.push(shown);
  }
  const stats = await page.evaluate(() => {
    const { startupTime, stalls } = (
      document.querySelector("ami-player") as unknown as { stats: { startupTime: number; stalls: number } }
    ).stats;
    return { startupTime, stalls };
  });
  delays.sort((a, b) => a - b);
  const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(delays.length * share))]?.toFixed(2);
  console.log(
    `| ${protocol} | ${Math.round(stats.startupTime * 1000)} | ${at(0.5)} | ${at(0.95)} | ${delays.at(-1)?.toFixed(2)} | ${stats.stalls} |`,
  );
  await page.context().close();
}
