import { expect, test } from "vitest";
import { ask, behind, HIT, refusalOf } from "./guard.test-setup.ts";
import { hotlinks } from "./hotlinks.ts";

const allow = ["tv.example", "*.tv.example", "https://safe.example", "localhost:*", "dev.example:8080"];
const from = (headers: Record<string, string>, guard = hotlinks({ allow })) =>
  refusalOf(behind(guard).send(ask("/", { headers })));

test("pages of the sites named may show it", async () => {
  for (const origin of [
    "https://tv.example",
    "http://tv.example",
    "https://www.tv.example",
    "https://a.b.tv.example",
    "https://safe.example",
    "http://localhost:5173",
    "http://localhost",
    "http://dev.example:8080",
    "https://edge.example",
  ]) {
    expect(await from({ origin }), origin).toBeUndefined();
    expect(await from({ referer: `${origin}/page?x=https://thief.example/` }), origin).toBeUndefined();
    expect(await from({ origin, referer: "https://thief.example/" }), origin).toBeUndefined();
  }
});

test("others may not, however they write themselves", async () => {
  for (const origin of [
    "https://thief.example",
    "https://eviltv.example",
    "https://tv.example.thief.example",
    "https://tv.example:8443",
    "http://safe.example",
    "http://dev.example",
    "https://tv.example@thief.example",
    "https://user:tv.example@thief.example",
    "https://thief.example\\.tv.example",
    "https://thief.example#.tv.example",
    "https://thief.example?.tv.example",
    "ftp://tv.example",
    "file://",
    "tv.example",
    "https://",
    `https://${"a".repeat(400)}.tv.example`,
  ]) {
    expect(await from({ origin }), origin).toBe("HOTLINK_DENIED");
    expect(await from({ referer: `${origin}/page` }), origin).toBe("HOTLINK_DENIED");
  }
});

test("who says nothing passes, unless they may not or the browser says that another site asks", async () => {
  const strict = hotlinks({ allow, allowEmpty: false });
  expect(await from({})).toBeUndefined();
  expect(await from({ origin: "null" })).toBeUndefined();
  expect(await from({ "sec-fetch-site": "none" })).toBeUndefined();
  expect(await from({ "sec-fetch-site": "same-site" })).toBeUndefined();
  expect(await from({ "sec-fetch-site": "cross-site" })).toBe("HOTLINK_DENIED");
  expect(await from({ "sec-fetch-site": "cross-site", origin: "null" })).toBe("HOTLINK_DENIED");
  expect(await from({}, strict)).toBe("HOTLINK_DENIED");
  expect(await from({ "sec-fetch-site": "none" }, strict)).toBe("HOTLINK_DENIED");
  expect(await from({ "sec-fetch-site": "same-origin" }, strict)).toBeUndefined();
  expect(await from({ "sec-fetch-site": "cross-site", origin: "https://tv.example" }, strict)).toBeUndefined();
});

test("a site that was judged is judged the same way again", async () => {
  const { send } = behind(hotlinks({ allow }));
  for (let turn = 0; turn < 2; turn += 1) {
    expect(send(ask("/", { headers: { origin: "https://tv.example" } }))).toBe(HIT);
    expect(await refusalOf(send(ask("/", { headers: { origin: "https://thief.example" } })))).toBe("HOTLINK_DENIED");
  }
});

test("what is no site is refused as an option", () => {
  for (const site of ["", "*", "https://tv.example/path", "tv.*", "*tv.example", "ftp://tv.example"]) {
    expect(() => hotlinks({ allow: [site] }), site).toThrow(/no site|is empty/);
  }
});
