import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fieldOf } from "../../http/fields.ts";
import { ask, behind, connectionFrom, HIT, refusalOf, SECRET } from "../guard.test-setup.ts";
import { signUrl } from "../token/sign-url.ts";
import { signedUrls } from "../token/signed-urls.ts";
import { BYTES_PER_ENTRY, DEFAULT_ENTRIES, GcraTable } from "./gcra-table.ts";
import { KeyedHasher } from "./keyed-hash.ts";
import { rateLimit } from "./rate-limit.ts";

describe("the guard", () => {
  test("a client has its burst, and then its rate; the refusal says when", async () => {
    let now = 1000;
    const guard = rateLimit({ rules: [{ by: "address", rate: 0.5, burst: 3 }], clock: () => now });
    const { send } = behind(guard);
    const client = () => send(ask("/", { address: "192.0.2.1" }));
    for (let turn = 0; turn < 3; turn += 1) expect(client()).toBe(HIT);
    const refused = await client();
    expect(refused?.status).toBe(429);
    expect(fieldOf(refused!.headers, "retry-after")).toBe("2");
    expect(fieldOf(refused!.headers, "ratelimit-policy")).toBe('"address";q=3;w=6');
    expect(fieldOf(refused!.headers, "ratelimit")).toBe('"address";r=0;t=2');
    expect(send(ask("/", { address: "192.0.2.2" }))).toBe(HIT);
    now += 1999;
    expect(await refusalOf(client())).toBe("RATE_LIMITED");
    now += 1;
    expect(client()).toBe(HIT);
    expect(await refusalOf(client())).toBe("RATE_LIMITED");
    now += 60_000;
    for (let turn = 0; turn < 3; turn += 1) expect(client()).toBe(HIT);
    expect(await client()).toBe(await client());
  });

  test("IPv6 is counted by /64, IPv4 in IPv6 as IPv4; who has no address is not counted", async () => {
    const { send } = behind(rateLimit({ rules: [{ by: "address", rate: 1, burst: 1 }], clock: () => 0 }));
    expect(send(ask("/", { address: "2001:db8:0:1::1" }))).toBe(HIT);
    expect(await refusalOf(send(ask("/", { address: "2001:db8:0:1:9::2" })))).toBe("RATE_LIMITED");
    expect(send(ask("/", { address: "2001:db8:0:2::1" }))).toBe(HIT);
    expect(send(ask("/", { address: "192.0.2.1" }))).toBe(HIT);
    expect(await refusalOf(send(ask("/", { address: "::ffff:192.0.2.1" })))).toBe("RATE_LIMITED");
    for (let turn = 0; turn < 3; turn += 1) expect(send(ask("/"))).toBe(HIT);
  });

  test("a rule for paths counts those, however they are written", async () => {
    const rules = [{ by: "address", paths: ["/api/"], rate: 1, burst: 1 }] as const;
    const { send } = behind(rateLimit({ rules, clock: () => 0 }));
    const connection = connectionFrom("192.0.2.1");
    expect(send({ ...ask("/live/x"), connection })).toBe(HIT);
    expect(send({ ...ask("/api/x?a"), connection })).toBe(HIT);
    for (const path of ["/api/y", "/%61pi/y", "/live/../api/y", "//api/y"]) {
      expect(await refusalOf(send({ ...ask(path), connection })), path).toBe("RATE_LIMITED");
    }
    expect(send({ ...ask("/live/y"), connection })).toBe(HIT);
    expect(send({ ...ask("/API/y"), connection })).toBe(HIT);
  });

  test("by token: each viewer behind one address has a limit of their own, whatever else the URL says", async () => {
    const viewers = signedUrls({ keys: { k: SECRET } });
    const limit = rateLimit({ rules: [{ by: "token", rate: 1, burst: 2 }], clock: () => 0 });
    const { send } = behind((handler) => viewers(limit(handler)));
    const url = (subject: string, path = "/live/x") =>
      signUrl(path, { key: SECRET, keyId: "k", expires: 2 ** 32, prefix: "/", subject });
    for (const viewer of ["ann", "ben"]) {
      expect(send(ask(url(viewer), { address: "192.0.2.1" }))).toBe(HIT);
      expect(send(ask(url(viewer, "/live/y?a=1"), { address: "192.0.2.2" }))).toBe(HIT);
      expect(await refusalOf(send(ask(url(viewer), { address: "192.0.2.3" })))).toBe("RATE_LIMITED");
    }
  });

  test("by anything else; what it says nothing of is not counted", async () => {
    const by = (request: { headers: Readonly<Record<string, string | undefined>> }) => request.headers["x-key"];
    const { send } = behind(
      rateLimit({ rules: [{ by, rate: 1, burst: 1, status: 503, name: "key" }], clock: () => 0 }),
    );
    expect(send(ask("/", { headers: { "x-key": "a" } }))).toBe(HIT);
    const refused = await send(ask("/", { headers: { "x-key": "a" } }));
    expect([refused?.status, fieldOf(refused!.headers, "ratelimit")]).toEqual([503, '"key";r=0;t=1']);
    for (let turn = 0; turn < 3; turn += 1) expect(send(ask("/"))).toBe(HIT);
  });

  test("limits that make no sense are refused as options", () => {
    for (const rule of [
      { rate: 0 },
      { rate: Number.NaN },
      { rate: 1, burst: 0 },
      { rate: 1, status: 200 },
      { rate: 1, name: "a b" },
    ]) {
      expect(() => rateLimit({ rules: [{ by: "address", ...rule }] }), JSON.stringify(rule)).toThrow();
    }
  });
});

test("property: one client passes exactly as a bucket of its own would let it", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 100 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5 }), (pauses, rate, burst) => {
      const table = new GcraTable({ rate: rate / 2, burst, entries: 64 });
      let now = 1;
      // Twice the tokens per second, each counted double in a thousandth: whole numbers only.
      let level = burst * 2000;
      let last = now;
      for (const pause of pauses) {
        now += pause;
        level = Math.min(burst * 2000, level + (now - last) * rate);
        last = now;
        const expected = level >= 2000;
        const wait = table.take(1, 2, now);
        if (Math.abs(level - 2000) > 1) expect(wait === 0).toBe(expected);
        if (wait === 0) level -= 2000;
      }
    }),
  );
});

describe("a million addresses", () => {
  const limit = { rate: 10, burst: 20 };

  test("take as much memory as one: 3 MiB", () => {
    const table = new GcraTable(limit);
    expect(table.bytes).toBe(DEFAULT_ENTRIES * BYTES_PER_ENTRY);
    expect(table.bytes).toBe(3 * 1024 * 1024);
  });

  test("no innocent among them is refused, and who asks too much is caught in the crowd", () => {
    const table = new GcraTable(limit);
    const hasher = new KeyedHasher(Buffer.from("8 bytes."));
    let innocentRefused = 0;
    const heavy = Array.from({ length: 100 }, (_, at) => ({ address: 0xcb007100 + at, asked: 0, passed: 0 }));
    // 100,000 innocent requests a second, each of an address of its own, for 10 s; each heavy hitter asks 100 times a second.
    for (let tick = 0; tick < 1000; tick += 1) {
      const now = 1 + tick * 10;
      for (let at = 0; at < 1000; at += 1) {
        const { set, fingerprint } = hasher.words(0x0a000000 + tick * 1000 + at, 0, 4);
        if (table.take(set, fingerprint, now) > 0) innocentRefused += 1;
      }
      for (const hitter of heavy) {
        const { set, fingerprint } = hasher.words(hitter.address, 0, 4);
        hitter.asked += 1;
        if (table.take(set, fingerprint, now) === 0) hitter.passed += 1;
      }
    }
    expect(innocentRefused).toBe(0);
    // Each may have its burst and ten a second.
    for (const { asked, passed } of heavy) {
      expect(asked).toBe(1000);
      expect(passed).toBeLessThanOrEqual(20 + 10 * 10 + 1);
    }
  });

  test("all of them busy at once, four times what the table holds: still nobody is refused who should not be", () => {
    const table = new GcraTable({ rate: 0.01, burst: 5 });
    const hasher = new KeyedHasher(Buffer.from("8 bytes."));
    const heavy = Array.from({ length: 50 }, (_, at) => ({ address: 0xcb007100 + at, passed: 0 }));
    let innocentRefused = 0;
    for (let at = 0; at < 1_000_000; at += 1) {
      const { set, fingerprint } = hasher.words(0x0a000000 + at, 0, 4);
      if (table.take(set, fingerprint, 1) > 0) innocentRefused += 1;
      if (at % 1000 !== 0) continue;
      for (const hitter of heavy) {
        const hash = hasher.words(hitter.address, 0, 4);
        if (table.take(hash.set, hash.fingerprint, 1) === 0) hitter.passed += 1;
      }
    }
    expect(innocentRefused).toBe(0);
    // A thousand requests each; those who got through before they stood out are few.
    for (const { passed } of heavy) expect(passed).toBeLessThanOrEqual(10);
  });

  test("the hash spreads neighbours evenly, and differs with its key", () => {
    const hasher = new KeyedHasher(Buffer.from("8 bytes."));
    const sets = new Uint32Array(1024);
    const seen = new Set<bigint>();
    for (let at = 0; at < 1_000_000; at += 1) {
      const { set, fingerprint } = at % 2 === 0 ? hasher.words(0x0a000000 + at, 0, 4) : hasher.text(`10.0.0.${at}`);
      sets[set & 1023]! += 1;
      if (at % 10 === 0) seen.add((BigInt(set >>> 0) << 32n) | BigInt(fingerprint >>> 0));
    }
    const mean = 1_000_000 / 1024;
    for (const count of sets) expect(Math.abs(count - mean)).toBeLessThan(6 * Math.sqrt(mean));
    expect(seen.size).toBe(100_000);
    const other = { ...new KeyedHasher(Buffer.from("another.")).words(1, 2, 4) };
    expect({ ...hasher.words(1, 2, 4) }).not.toEqual(other);
    expect({ ...hasher.words(1, 2, 6) }).not.toEqual({ ...hasher.words(1, 2, 4) });
  });
});
