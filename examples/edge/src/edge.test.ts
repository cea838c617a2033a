/** The reference edge. */

import { createServer } from "@ami-streams/cdn";
import pino from "pino";
import { expect, test } from "vitest";
import { startEdge } from "./edge.ts";

test("no query but a blocking reload's makes the edge ask its origin again", async () => {
  const asked: string[] = [];
  await using origin = await createServer({
    port: 0,
    host: "127.0.0.1",
    handler: ({ method, url }) => {
      const { pathname, search } = new URL(url);
      // HEAD is the edge's own, to see whether its origin is there.
      if (method === "GET") asked.push(pathname + search);
      return new Response("body", { headers: { "cache-control": "max-age=60" } });
    },
  });
  await using edge = await startEdge({ port: 0, upstreams: [origin.url], logger: pino({ level: "silent" }) });
  for (const query of ["?r=1", "?r=2", "", "?r=3&_HLS_msn=9", "?_HLS_msn=9&r=4"]) {
    expect(await (await fetch(`${edge.url}/live/demo/index.m3u8${query}`)).text()).toBe("body");
  }
  expect(asked).toEqual(["/live/demo/index.m3u8", "/live/demo/index.m3u8?_HLS_msn=9"]);
});
