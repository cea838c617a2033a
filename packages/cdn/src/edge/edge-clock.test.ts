/** The system's time may jump; what an edge stores does not. */

import { expect, onTestFinished, test, vi } from "vitest";
import { createEdge } from "./edge.ts";

test("what is stored grows neither old nor young when the system's time jumps", async () => {
  onTestFinished(() => void vi.useRealTimers());
  let turn = 0;
  await using edge = createEdge({
    upstreams: [
      () => {
        turn += 1;
        const headers = { "cache-control": "max-age=600", date: new Date().toUTCString() };
        return new Response(`${turn}`, { headers });
      },
    ],
  });
  const ask = async (path: string) => await edge.handle(new Request(`http://edge${path}`));
  const hour = 3_600_000;
  await (await ask("/0")).text();
  for (const [step, jump] of [-hour, 2 * hour].entries()) {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + jump });
    expect((await ask("/0")).headers.get("cache-status")).toMatch(/^ami-edge; hit; ttl=\d+$/);
    await (await ask(`/${step + 1}`)).text();
    expect((await ask(`/${step + 1}`)).headers.get("cache-status")).toMatch(/^ami-edge; hit; ttl=\d+$/);
    vi.useRealTimers();
  }
});
