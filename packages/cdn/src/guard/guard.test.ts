import { expect, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { rawHandler } from "../handler/raw.ts";
import { addressRules } from "./address/address-rules.ts";
import { ask, behind, connectionFrom, HIT, refusalOf, SECRET } from "./guard.test-setup.ts";
import { createGuard, type Guard, withGuards } from "./guard.ts";
import { hotlinks } from "./hotlinks.ts";
import { rateLimit } from "./rate-limit/rate-limit.ts";
import { createRefusal } from "./refusal.ts";
import { signUrl } from "./token/sign-url.ts";
import { signedUrls } from "./token/signed-urls.ts";

const GUARDS: Guard = (handler) =>
  withGuards(
    handler,
    addressRules({ deny: ["192.0.2.0/24"] }),
    hotlinks({ allow: ["tv.example"] }),
    signedUrls({ keys: { k: SECRET } }),
    rateLimit({ rules: [{ by: "token", rate: 1, burst: 2 }] }),
  ) as ReturnType<Guard>;

const url = signUrl("/live/demo/part.m4s", { key: SECRET, keyId: "k", expires: 2 ** 32, prefix: "/live/demo/" });

test("an answer behind guards is handed over at once and as it is, so that the server knows its bytes", () => {
  const { send, passed } = behind(GUARDS);
  expect(send(ask(url, { address: "198.51.100.1" }))).toBe(HIT);
  expect(passed[0]?.target).toBe("/live/demo/part.m4s");
});

test("guards are asked in the order in which they are given", async () => {
  const { send, passed } = behind(GUARDS);
  const address = "192.0.2.1";
  const origin = { origin: "https://thief.example" };
  expect(await refusalOf(send(ask("/live/demo/", { address, headers: origin })))).toBe("ADDRESS_DENIED");
  expect(await refusalOf(send(ask("/live/demo/", { headers: origin })))).toBe("HOTLINK_DENIED");
  expect(await refusalOf(send(ask("/live/demo/")))).toBe("TOKEN_MISSING");
  for (let turn = 0; turn < 2; turn += 1) expect(await refusalOf(send(ask(url)))).toBeUndefined();
  expect(await refusalOf(send(ask(url)))).toBe("RATE_LIMITED");
  expect(passed).toHaveLength(2);
});

test("a plain handler behind a guard gets the request and its connection, and refusals need none of it", async () => {
  const seen: [url: string, address: string | undefined, body: string][] = [];
  const plain: FetchHandler = async (request, connection) => {
    seen.push([request.url, connection?.remoteAddress, await request.text()]);
    return bytesResponse(Buffer.from("made"), { status: 201 });
  };
  const guarded = addressRules({ deny: ["192.0.2.1"] })(plain);
  const request = () => new Request("https://edge.example/a?b", { method: "POST", body: "sent" });
  const response = await guarded(request(), connectionFrom("198.51.100.1"));
  expect([response.status, await response.text()]).toEqual([201, "made"]);
  expect((await guarded(request(), connectionFrom("192.0.2.1"))).status).toBe(403);
  const raw = await guarded[rawHandler](ask("/raw", { address: "198.51.100.1" }));
  expect(raw?.status).toBe(201);
  expect(seen).toEqual([
    ["https://edge.example/a?b", "198.51.100.1", "sent"],
    ["https://edge.example/raw", "198.51.100.1", ""],
  ]);
});

test("a request that the raw handler leaves to the fetch handler is counted once", async () => {
  const handler: FetchHandler = Object.assign(() => bytesResponse(Buffer.from("late")), {
    [rawHandler]: () => undefined,
  });
  const guarded = rateLimit({ rules: [{ by: () => "all", rate: 1, burst: 1 }], clock: () => 0 })(handler);
  expect((await guarded[rawHandler](ask("/")))?.status).toBe(200);
  expect((await guarded[rawHandler](ask("/")))?.status).toBe(429);
});

test("a refusal is the same object for a second, has its date, and can be read by scripts", () => {
  let now = Date.UTC(2026, 0, 1);
  const refuse = createRefusal({ status: 403, code: "ADDRESS_DENIED", message: "no" }, () => now);
  const first = refuse();
  now += 999;
  expect(refuse()).toBe(first);
  expect(first.headers).toContain("Thu, 01 Jan 2026 00:00:00 GMT");
  now += 1;
  const second = refuse();
  expect(second.headers).toContain("Thu, 01 Jan 2026 00:00:01 GMT");
  expect(Object.fromEntries(pairs(second.headers))).toMatchObject({
    "access-control-allow-origin": "*",
    "cache-control": "no-store",
    "content-type": "application/json",
  });
  expect(second.about).toEqual({ outcome: "refused", reason: "ADDRESS_DENIED" });
});

test("what an inner answer holds is released though a wrapper makes a Response of it", async () => {
  let released = 0;
  const { guarded } = behind(
    createGuard((next) => next),
    () => ({
      ...HIT,
      release: () => {
        released += 1;
      },
    }),
  );
  await guarded(new Request("https://edge.example/"));
  expect(released).toBe(1);
});

function pairs(headers: readonly string[]): [string, string][] {
  return headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]!]] : [])) as [string, string][];
}
