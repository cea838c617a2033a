import { expect, test } from "vitest";
import { createEdge } from "../edge/edge.ts";
import { fromRequest } from "../handler/convert.ts";
import { rawHandler } from "../handler/raw.ts";
import { sendCmsd } from "./send-cmsd.ts";

test("an edge says how long it took, and of what is stored nothing that others said of it then", async () => {
  let now = 0;
  let duress = false;
  await using edge = createEdge({
    upstreams: [
      () => {
        now += 12;
        return new Response("x", { headers: { "cache-control": "max-age=60", "cmsd-dynamic": '"shield";du' } });
      },
    ],
  });
  const handler = sendCmsd({ name: "edge-1", duress: () => duress, clock: () => now })(edge.handle);
  const ask = async () => (await handler(new Request("http://edge/a"))).headers.get("cmsd-dynamic");
  expect(await ask()).toBe('"shield";du, "edge-1";rd=12');
  expect(await ask()).toBe('"edge-1"');
  duress = true;
  expect(await ask()).toBe('"edge-1";du');
});

test("hits that are alike are one answer, for the server's fast path", async () => {
  await using edge = createEdge({
    upstreams: [() => new Response("x", { headers: { "cache-control": "max-age=60" } })],
    clock: () => 0,
  });
  const handler = sendCmsd({ name: "edge-1" })(edge.handle);
  const ask = () => handler[rawHandler](fromRequest(new Request("http://edge/a"), undefined));
  await ask();
  expect(await ask()).toBe(await ask());
});
