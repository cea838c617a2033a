import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CdnError } from "../../errors.ts";
import { fieldOf } from "../../http/fields.ts";
import { ask, behind, HIT, refusalOf, SECRET } from "../guard.test-setup.ts";
import { tokenOf } from "../passed-request.ts";
import { type SignUrlOptions, signUrl } from "./sign-url.ts";
import { signedUrls } from "./signed-urls.ts";

const NOW = Date.UTC(2026, 0, 1);
const SECONDS = NOW / 1000;
const clock = () => NOW;
const keys = { k1: SECRET, k2: "another secret of the service" };
// Signed long before it is used.
const options: SignUrlOptions = {
  key: SECRET,
  keyId: "k1",
  expires: SECONDS + 60,
  prefix: "/live/demo/",
  clock: () => 0,
};
const guard = signedUrls({ keys, clock });

const sign = (path: string, changes: Partial<SignUrlOptions> = {}): string => signUrl(path, { ...options, ...changes });
const tokenIn = (url: string): string => /(?:\/~|token=)([\w.-]+)/.exec(url)![1]!;

describe("what a token covers", () => {
  test("all below its prefix, in the path and in the query, and the handler sees no token", () => {
    const { send, passed } = behind(guard);
    const token = tokenIn(sign("/live/demo/index.m3u8"));
    expect(send(ask(sign("/live/demo/index.m3u8?_HLS_msn=7")))).toBe(HIT);
    expect(send(ask(`/~${token}/live/demo/video/7.2.m4s`))).toBe(HIT);
    expect(send(ask(sign("/live/demo/index.m3u8?a=1", { place: "query" })))).toBe(HIT);
    expect(send(ask(`/live/demo/a.mp4?token=${token}&b=2`))).toBe(HIT);
    expect(send(ask(`/live/demo/a.mp4?token=${token}`))).toBe(HIT);
    expect(passed.map(({ target }) => target)).toEqual([
      "/live/demo/index.m3u8?_HLS_msn=7",
      "/live/demo/video/7.2.m4s",
      "/live/demo/index.m3u8?a=1",
      "/live/demo/a.mp4?b=2",
      "/live/demo/a.mp4",
    ]);
    expect(new Set(passed.map(tokenOf))).toEqual(new Set([token]));
  });

  test("its own path alone where it has no prefix", async () => {
    const { send } = behind(guard);
    const { prefix: _, ...exact } = options;
    const token = tokenIn(signUrl("/vod/film.mp4", exact));
    expect(await refusalOf(send(ask(`/~${token}/vod/film.mp4`)))).toBeUndefined();
    for (const path of ["/vod/film.mp4/x", "/vod/", "/vod/film.mp", "/vod/film2.mp4", "/VOD/film.mp4"]) {
      expect(await refusalOf(send(ask(`/~${token}${path}`))), path).toBe("PATH_NOT_GRANTED");
    }
  });

  test("no way of writing a path leads out of the prefix", async () => {
    const { send, passed } = behind(guard);
    const token = tokenIn(sign("/live/demo/"));
    for (const path of [
      "/live/demo",
      "/live/demo-2/x",
      "/live/Demo/x",
      "/live/demo/../other/x",
      "/live/demo/..",
      "/live/demo/%2e%2e/other/x",
      "/live/demo/.%2E/other/x",
      "/live/demo/..%2fother/x",
      "/live/demo/%252e%252e/other/x",
      "/live/demo/%5c..%5cother/x",
      "/live/demo/\\..\\other",
      "/live/demo//../other",
      "//live/demo/x",
      "/live%2fdemo/x",
      "/live/%64emo-2/x",
      "/live/demo/%00",
      "/other?/live/demo/x",
      "",
    ]) {
      expect(await refusalOf(send(ask(`/~${token}${path}`))), path).toMatch(/^(?:PATH_NOT_GRANTED|INVALID_PATH)$/);
      expect(await refusalOf(send(ask(`${path}?token=${token}`))), path).toMatch(
        /^(?:PATH_NOT_GRANTED|INVALID_PATH|TOKEN_MISSING)$/,
      );
    }
    expect(await refusalOf(send(ask(`/~${token}/~${token}/live/demo/x`)))).toBe("PATH_NOT_GRANTED");
    expect(passed).toEqual([]);
  });

  test("property: whatever passes is, to any reader of paths, below the prefix", async () => {
    const piece = fc.constantFrom(
      "/",
      "live",
      "demo",
      "..",
      ".",
      "%2e",
      "%2E",
      "%2f",
      "%5c",
      "\\",
      "%25",
      "~",
      "%64emo",
      "a",
      "?",
      "#",
      ";",
      "%00",
    );
    const token = tokenIn(sign("/live/demo/"));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        const { send, passed } = behind(guard);
        const path = `/live/demo/${pieces.join("")}`;
        await send(ask(`/~${token}${path}`));
        await send(ask(`/~${token}/${pieces.join("")}`));
        for (const { target } of passed) {
          const { pathname } = new URL(target, "https://edge.example");
          expect(pathname.startsWith("/live/demo/"), target).toBe(true);
          expect(decodeURIComponent(pathname).split("/").includes(".."), target).toBe(false);
          expect(decodeURIComponent(pathname).startsWith("/live/demo/"), target).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("an escape that says the same is handed on in its one spelling", () => {
    const { send, passed } = behind(guard);
    const token = tokenIn(sign("/live/demo/"));
    expect(send(ask(`/~${token}/live/%64emo/%41%7a.m4s?x=%41`))).toBe(HIT);
    expect(passed[0]?.target).toBe("/live/demo/Az.m4s?x=%41");
  });
});

describe("what makes a token", () => {
  test("property: whichever byte is changed, it is refused", async () => {
    const { send, passed } = behind(guard);
    const token = tokenIn(sign("/live/demo/"));
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~=";
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...alphabet), async (at, character) => {
        fc.pre(token[at] !== character);
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        expect(await refusalOf(send(ask(`/~${changed}/live/demo/x`)))).toBe("TOKEN_INVALID");
        expect(await refusalOf(send(ask(`/live/demo/x?token=${changed}`)))).toBe("TOKEN_INVALID");
      }),
      { numRuns: 1000 },
    );
    expect(passed).toEqual([]);
  });

  test("property: nor does leaving out, adding or exchanging some of it help", async () => {
    const { send } = behind(guard);
    const token = tokenIn(sign("/live/demo/"));
    const other = tokenIn(sign("/live/demo/", { expires: SECONDS + 61 }));
    const forged = fc.oneof(
      fc.nat(token.length - 1).map((end) => token.slice(0, end)),
      fc.string({ minLength: 1, maxLength: 3 }).map((more) => token + more.replace(/[/?&]/g, "x")),
      fc.constant(`${token.split(".").slice(0, 2).join(".")}.${other.split(".")[2]}`),
      fc.constant(token.replace(/^k1/, "k2")),
      fc.constant(token.replace(/^k1/, "k3")),
      fc.constantFrom("", ".", "..", "k1..", "k1.e30.", "__proto__.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    );
    await fc.assert(
      fc.asyncProperty(forged, async (text) => {
        expect(await refusalOf(send(ask(`/~${text}/live/demo/x`)))).toBe("TOKEN_INVALID");
      }),
    );
  });

  test("each key counts under its own id: two at a time while one takes over from the other", async () => {
    const { send } = behind(guard);
    expect(send(ask(sign("/live/demo/x", { keyId: "k2", key: keys.k2 })))).toBe(HIT);
    expect(await refusalOf(send(ask(sign("/live/demo/x", { keyId: "k2" }))))).toBe("TOKEN_INVALID");
    const rotated = behind(signedUrls({ keys: { k2: keys.k2 }, clock }));
    expect(await refusalOf(rotated.send(ask(sign("/live/demo/x"))))).toBe("TOKEN_INVALID");
  });

  test("a genuine token with a claim that nobody knows is refused: it could be a restriction", async () => {
    const { createHmac } = await import("node:crypto");
    const make = (claims: string): string => {
      const signed = `k1.${Buffer.from(claims).toString("base64url")}`;
      return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
    };
    const { send } = behind(guard);
    const exp = SECONDS + 60;
    expect(send(ask(`/~${make(`{ "path": "/live/demo/", "exp": ${exp} }`)}/live/demo/x`))).toBe(HIT);
    for (const claims of [
      `{"path":"/live/demo/","exp":${exp},"device":"tv"}`,
      `{"path":"/live/demo/","exp":"${exp}"}`,
      `{"path":"/live/demo/"}`,
      `{"path":"live/demo/","exp":${exp}}`,
      `{"path":"/live/demo/../","exp":${exp}}`,
      `{"path":["/live/demo/"],"exp":${exp}}`,
      `{"path":"/live/demo/","exp":${exp},"ip":"everywhere"}`,
      "null",
      "[]",
      "{",
    ]) {
      expect(await refusalOf(send(ask(`/~${make(claims)}/live/demo/x`))), claims).toBe("TOKEN_INVALID");
    }
  });
});

describe("when and where it counts", () => {
  test("from notBefore until expires, also when it has been seen before", async () => {
    let now = NOW;
    const { send } = behind(signedUrls({ keys, clock: () => now }));
    const url = sign("/live/demo/x", { notBefore: new Date(NOW + 10_000), expires: new Date(NOW + 20_000) });
    expect(await refusalOf(send(ask(url)))).toBe("TOKEN_NOT_YET_VALID");
    now += 10_000;
    expect(send(ask(url))).toBe(HIT);
    now += 9_999;
    expect(send(ask(url))).toBe(HIT);
    now += 1;
    expect(await refusalOf(send(ask(url)))).toBe("TOKEN_EXPIRED");
  });

  test("clocks may differ by as much as is said", async () => {
    const { send } = behind(signedUrls({ keys, clock, clockTolerance: 5 }));
    expect(send(ask(sign("/live/demo/x", { expires: SECONDS - 4 })))).toBe(HIT);
    expect(await refusalOf(send(ask(sign("/live/demo/x", { expires: SECONDS - 5 }))))).toBe("TOKEN_EXPIRED");
    expect(send(ask(sign("/live/demo/x", { notBefore: SECONDS + 5 })))).toBe(HIT);
  });

  test("from the address or network that it names", async () => {
    const { send } = behind(guard);
    const url = sign("/live/demo/x", { ip: "2001:db8:7::/48" });
    expect(send(ask(url, { address: "2001:db8:7:1::9" }))).toBe(HIT);
    expect(await refusalOf(send(ask(url, { address: "2001:db8:8::9" })))).toBe("ADDRESS_NOT_GRANTED");
    expect(await refusalOf(send(ask(url)))).toBe("ADDRESS_NOT_GRANTED");
    expect(send(ask(sign("/live/demo/x", { ip: "192.0.2.7" }), { address: "::ffff:192.0.2.7" }))).toBe(HIT);
  });

  test("for GET and HEAD; preflights need none, and lose the one that they have", async () => {
    const { send, passed } = behind(guard);
    expect(send(ask(sign("/live/demo/x"), { method: "HEAD" }))).toBe(HIT);
    expect(send(ask(sign("/live/other/x", { prefix: "/live/other/" }), { method: "OPTIONS" }))).toBe(HIT);
    expect(send(ask("/live/demo/x", { method: "OPTIONS" }))).toBe(HIT);
    expect(passed.map(({ target }) => target)).toEqual(["/live/demo/x", "/live/other/x", "/live/demo/x"]);
    const refused = await send(ask(sign("/live/demo/x"), { method: "DELETE" }));
    expect([refused?.status, fieldOf(refused!.headers, "allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  });

  test("only where it is asked for: other paths pass without", async () => {
    const { send, passed } = behind(signedUrls({ keys, clock, paths: ["/live/"] }));
    expect(send(ask("/player.html"))).toBe(HIT);
    expect(send(ask("/player.html", { method: "POST" }))).toBe(HIT);
    expect(passed[0]?.target).toBe("/player.html");
    expect(await refusalOf(send(ask("/live/demo/x")))).toBe("TOKEN_MISSING");
    expect(await refusalOf(send(ask("/%6cive/demo/x")))).toBe("TOKEN_MISSING");
  });
});

describe("with a cookie", () => {
  const cookies = signedUrls({ keys, clock, setCookie: { partitioned: true } });
  const query = (changes: Partial<SignUrlOptions> = {}) =>
    sign("/live/demo/index.m3u8", { place: "query", ...changes });

  test("the first answer sets it, for the prefix and as long as the token lasts, and is for one viewer alone", async () => {
    const { send } = behind(cookies);
    const answer = await send(ask(query()));
    const token = tokenIn(query());
    expect(fieldOf(answer!.headers, "set-cookie")).toBe(
      `ami-token=${token}; Path=/live/demo/; Max-Age=60; HttpOnly; Secure; SameSite=None; Partitioned`,
    );
    expect(answer?.headers.filter((name) => name === "cache-control")).toHaveLength(1);
    expect(fieldOf(answer!.headers, "cache-control")).toBe("private, no-store");
    const cleartext = await send(ask(query(), { origin: "http://edge.example" }));
    expect(fieldOf(cleartext!.headers, "set-cookie")).toMatch(/; HttpOnly; SameSite=Lax$/);
  });

  test("it lets pass what it covers, and is taken out of the cookies", () => {
    const { send, passed } = behind(cookies);
    const cookie = `a=1; ami-token=${tokenIn(query())}; b=2`;
    expect(send(ask("/live/demo/7.m4s", { headers: { cookie } }))).toBe(HIT);
    expect(send(ask("/live/demo/7.m4s", { headers: { cookie: `ami-token=${tokenIn(query())}` } }))).toBe(HIT);
    expect(passed.map(({ headers }) => headers.cookie)).toEqual(["a=1; b=2", undefined]);
    expect("cookie" in passed[1]!.headers).toBe(false);
  });

  test("of several, the one that fits counts; more than a few are not tried", async () => {
    const { send } = behind(cookies);
    const [fits, over, other] = [
      query(),
      query({ expires: SECONDS - 1 }),
      sign("/live/other/", { prefix: "/live/other/" }),
    ].map(tokenIn);
    const cookie = `ami-token=${over}; ami-token=${other}; ami-token=${fits}`;
    expect(send(ask("/live/demo/7.m4s", { headers: { cookie } }))).toBe(HIT);
    expect(await refusalOf(send(ask("/live/demo/7.m4s", { headers: { cookie: `ami-token=${over}` } })))).toBe(
      "TOKEN_EXPIRED",
    );
    const many = `${"ami-token=x; ".repeat(4)}${cookie}`;
    expect(await refusalOf(send(ask("/live/demo/7.m4s", { headers: { cookie: many } })))).toBe("TOKEN_INVALID");
  });

  test("errors set none, nor does a token in the path", async () => {
    const missing = behind(cookies, () => ({ ...HIT, status: 404 }));
    expect(fieldOf((await missing.send(ask(query())))!.headers, "set-cookie")).toBeUndefined();
    expect(behind(cookies).send(ask(sign("/live/demo/x")))).toBe(HIT);
  });
});

test("options that make no sense are refused when they are given", () => {
  const invalid = (make: () => unknown): string => {
    try {
      make();
    } catch (error) {
      if (error instanceof CdnError && error.code === "INVALID_OPTION") return error.message;
    }
    throw new Error("it was taken");
  };
  expect(invalid(() => signedUrls({ keys: {} }))).toContain("at least one key");
  expect(invalid(() => signedUrls({ keys: { k: "short" } }))).toContain("16 bytes");
  expect(invalid(() => signedUrls({ keys: { "k.1": SECRET } }))).toContain("key id");
  expect(invalid(() => signedUrls({ keys, paths: ["live/"] }))).toContain("/live/");
  expect(invalid(() => signedUrls({ keys, places: { path: true }, rewritePlaylists: true }))).toContain("places.query");
  expect(invalid(() => signedUrls({ keys, places: {} }))).toContain("where the token stands");
  expect(invalid(() => sign("/live/demo/x", { prefix: "/live/other/" }))).toContain("does not cover");
  expect(invalid(() => sign("/live/demo/x", { prefix: "/live/demo" }))).toContain("slash");
  expect(invalid(() => sign("/live/demo/x", { expires: NOW + 60_000 }))).toContain("seconds");
  expect(invalid(() => sign("/live/demo/x", { expires: Number.NaN }))).toContain("seconds");
  expect(invalid(() => sign("ftp://edge.example/x"))).toContain("http(s)://");
  expect(invalid(() => sign("/live/demo/x", { ip: "10.0.0.0/33" }))).toContain("network");
  expect(invalid(() => sign("/live/demo/x", { subject: "a".repeat(1000) }))).toContain("1024");
});

test("a whole URL keeps its host, query and fragment", () => {
  expect(sign("https://edge.example:8443/live/demo/i.m3u8?a=1#t=2")).toMatch(
    /^https:\/\/edge\.example:8443\/~k1\.[\w-]+\.[\w-]{43}\/live\/demo\/i\.m3u8\?a=1#t=2$/,
  );
  expect(sign("https://edge.example/live/demo/i.m3u8?a=1#t=2", { place: "query", param: "t" })).toMatch(
    /^https:\/\/edge\.example\/live\/demo\/i\.m3u8\?a=1&t=k1\.[\w-]+\.[\w-]{43}#t=2$/,
  );
});
