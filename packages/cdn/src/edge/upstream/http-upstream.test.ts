/** An upstream by URL: what it holds keeps nothing else waiting. */

import type { ServerResponse } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { upstream } from "../edge.test-setup.ts";
import { createHttpUpstream, MAX_HELD_REQUESTS } from "./http-upstream.ts";
import { send, textOf } from "./upstream.test-setup.ts";
import { DEFAULT_UPSTREAM_TIMEOUTS } from "./upstream.ts";

test("as many blocking reloads as may be held keep nothing else waiting, and one more is refused at once", async () => {
  const held: ServerResponse[] = [];
  const origin = createHttpUpstream(
    await upstream(({ url = "" }, response) => {
      if (url.includes("_HLS_msn")) held.push(response);
      else response.end(url);
    }),
    { ...DEFAULT_UPSTREAM_TIMEOUTS, connect: 20_000 },
  );
  onTestFinished(() => origin.close());
  const signal = AbortSignal.timeout(20_000);

  const reloads = Array.from({ length: MAX_HELD_REQUESTS }, (_, turn) =>
    send(origin, `/live/a/i.m3u8?r=${turn}&_HLS_msn=9`, { signal }),
  );
  await expect.poll(() => held.length, { timeout: 15_000 }).toBe(MAX_HELD_REQUESTS);
  await expect(send(origin, "/live/b/i.m3u8?_HLS_msn=9", { signal })).rejects.toMatchObject({ code: "UPSTREAM_BUSY" });
  expect(await textOf(await send(origin, "/live/b/i.m3u8", { signal }))).toBe("/live/b/i.m3u8");

  for (const response of held) response.end("9");
  const answers = await Promise.all(reloads.map(async (reload) => textOf(await reload)));
  expect(new Set(answers)).toEqual(new Set(["9"]));
  const later = send(origin, "/live/b/i.m3u8?_HLS_msn=10", { signal });
  await expect.poll(() => held.length).toBe(MAX_HELD_REQUESTS + 1);
  held.at(-1)!.end("10");
  expect(await textOf(await later)).toBe("10");
});
