import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, type JSONWebKeySet, type JWTPayload, SignJWT } from "jose";
import { describe, expect, onTestFinished, test } from "vitest";
import { fieldOf } from "../../http/fields.ts";
import { silentLogger } from "../../logger.ts";
import { ask, behind, HIT, refusalOf, SECRET } from "../guard.test-setup.ts";
import { jwt, MAX_JWT_LENGTH, MAX_VERIFICATIONS } from "./jwt.ts";

const NOW = Date.UTC(2026, 0, 1);
const SECONDS = NOW / 1000;
const clock = () => NOW;

const pair = (): { publicKey: KeyObject; privateKey: KeyObject } => generateKeyPairSync("ec", { namedCurve: "P-256" });
const first = pair();

async function keySet(keys: Readonly<Record<string, KeyObject>>): Promise<JSONWebKeySet> {
  const jwks = Object.entries(keys).map(async ([kid, key]) => ({ ...(await exportJWK(key)), kid, alg: "ES256" }));
  return { keys: await Promise.all(jwks) };
}

function sign(claims: JWTPayload = {}, { kid = "a", key = first.privateKey } = {}): Promise<string> {
  return new SignJWT({ iss: "https://id.example", aud: "edge", exp: SECONDS + 60, prefix: "/live/demo/", ...claims })
    .setProtectedHeader({ alg: "ES256", kid })
    .sign(key);
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const options = { keys: await keySet({ a: first.publicKey }), issuer: "https://id.example", audience: "edge", clock };

describe("a token of the issuer", () => {
  test("lets pass what it grants; the handler sees a request without it, and answers at once from the second on", async () => {
    const { send, passed } = behind(jwt(options));
    const token = await sign();
    expect(await send(ask("/live/demo/7.m4s?a=1", bearer(token)))).toBe(HIT);
    expect(send(ask("/live/demo/8.m4s", bearer(token)))).toBe(HIT);
    expect(passed.map(({ target, headers }) => [target, headers.authorization])).toEqual([
      ["/live/demo/7.m4s?a=1", undefined],
      ["/live/demo/8.m4s", undefined],
    ]);
    const refused = await send(ask("/live/other/7.m4s", bearer(token)));
    expect(await refusalOf(refused)).toBe("PATH_NOT_GRANTED");
    expect([refused?.status, fieldOf(refused!.headers, "www-authenticate")]).toEqual([
      403,
      'Bearer error="insufficient_scope"',
    ]);
  });

  test("may grant several paths, by a claim or by what a function makes of its claims", async () => {
    const { send } = behind(jwt(options));
    const several = await sign({ paths: ["/live/a/", "/vod/b.mp4", "../", 7], prefix: undefined });
    for (const path of ["/live/a/x", "/vod/b.mp4"]) expect(await send(ask(path, bearer(several)))).toBe(HIT);
    expect(await refusalOf(send(ask("/live/demo/x", bearer(several))))).toBe("PATH_NOT_GRANTED");
    const none = await sign({ prefix: undefined });
    expect(await refusalOf(send(ask("/live/demo/x", bearer(none))))).toBe("PATH_NOT_GRANTED");
    const custom = behind(jwt({ ...options, grants: ({ stream }) => [`/live/${String(stream)}/`] }));
    expect(await custom.send(ask("/live/cup/x", bearer(await sign({ stream: "cup" }))))).toBe(HIT);
  });

  test("may stand in the query, a cookie, another field or the path", async () => {
    const places = { query: "jwt", cookie: "session", header: "x-token", path: true };
    const { send, passed } = behind(jwt({ ...options, places }));
    const token = await sign();
    expect(await send(ask(`/live/demo/x?jwt=${token}`))).toBe(HIT);
    expect(await send(ask("/live/demo/x", { headers: { cookie: `a=1; session=${token}` } }))).toBe(HIT);
    expect(await send(ask("/live/demo/x", { headers: { "x-token": token } }))).toBe(HIT);
    expect(await send(ask(`/~${token}/live/demo/x`))).toBe(HIT);
    expect(passed.every(({ target }) => target === "/live/demo/x")).toBe(true);
    expect(passed[1]?.headers.cookie).toBe("a=1");
  });

  test("is refused before and after its time, also when it was seen before", async () => {
    let now = NOW;
    const { send } = behind(jwt({ ...options, clock: () => now }));
    const token = await sign({ nbf: SECONDS + 10, exp: SECONDS + 20 });
    const code = () => refusalOf(send(ask("/live/demo/x", bearer(token))));
    expect(await code()).toBe("TOKEN_NOT_YET_VALID");
    now += 10_000;
    expect(await code()).toBeUndefined();
    now += 10_000;
    expect(await code()).toBe("TOKEN_EXPIRED");
  });
});

test("anything else is refused, and the answer says how to ask", async () => {
  const { send, passed } = behind(jwt(options));
  const refused = async (token: string) => refusalOf(send(ask("/live/demo/x", bearer(token))));
  const missing = await send(ask("/live/demo/x"));
  expect([missing?.status, fieldOf(missing!.headers, "www-authenticate")]).toEqual([401, "Bearer"]);
  expect(await refusalOf(send(ask("/live/demo/x", { headers: { authorization: "Basic YTpi" } })))).toBe(
    "TOKEN_MISSING",
  );

  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${(await sign()).split(".")[1]}.`;
  const hmac = new SignJWT({ exp: SECONDS + 60, prefix: "/" }).setProtectedHeader({ alg: "HS256", kid: "a" });
  const publicAsSecret = await hmac.sign(Buffer.from(first.publicKey.export({ type: "spki", format: "pem" })));
  for (const token of [
    none,
    publicAsSecret,
    await sign({ iss: "https://thief.example" }),
    await sign({ aud: "another" }),
    await sign({}, { key: pair().privateKey }),
    await sign({}, { kid: "unknown" }),
    await sign({ exp: undefined }),
    `${(await sign()).slice(0, -4)}AAAA`,
    "x",
    "a.b.c",
    "x".repeat(MAX_JWT_LENGTH + 1),
  ]) {
    expect(await refused(token), token.slice(0, 100)).toBe("TOKEN_INVALID");
  }
  expect(passed).toEqual([]);
});

test("a secret that both sides know does for HMAC, and for nothing else", async () => {
  const { send } = behind(jwt({ keys: Buffer.from(SECRET), clock }));
  const token = await new SignJWT({ exp: SECONDS + 60, prefix: "/live/" })
    .setProtectedHeader({ alg: "HS256" })
    .sign(Buffer.from(SECRET));
  expect(await send(ask("/live/x", bearer(token)))).toBe(HIT);
  expect(await refusalOf(send(ask("/live/x", bearer(await sign()))))).toBe("TOKEN_INVALID");
  expect(() => jwt({ keys: Buffer.from("short") })).toThrow(/32 or more/);
  expect(() => jwt({ keys: "file:///keys" })).toThrow(/http/);
  expect(() => jwt({ keys: {} as JSONWebKeySet })).toThrow(/Key Set/);
});

describe("keys at a URL", () => {
  /** An issuer that serves what a test says. */
  async function issuer() {
    const state = { asked: 0, status: 200, keys: await keySet({ a: first.publicKey }) };
    const server = createServer((_request, response) => {
      state.asked += 1;
      response.writeHead(state.status, { "content-type": "application/json" }).end(JSON.stringify(state.keys));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, server };
  }

  test("are fetched once for all, and a token is checked once though a player asks for many things at a time", async () => {
    const { state, url } = await issuer();
    const { send } = behind(jwt({ ...options, keys: url }));
    const token = await sign();
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(ask("/live/demo/x", bearer(token)))));
    expect(answers.every((answer) => answer === HIT)).toBe(true);
    expect(await send(ask("/live/demo/x", bearer(await sign({ sub: "ben" }))))).toBe(HIT);
    expect(state.asked).toBe(1);
  });

  test("that cannot be had are our fault, not the token's; the next one tries again", async () => {
    const { state, url } = await issuer();
    state.status = 500;
    const lines: [object, string | undefined][] = [];
    const error = (fields: object, text?: string): void => void lines.push([fields, text]);
    const { send } = behind(jwt({ ...options, keys: new URL(url), logger: { ...silentLogger, error } }));
    const token = await sign();
    const refused = await send(ask("/live/demo/x", bearer(token)));
    expect(await refusalOf(refused)).toBe("KEYS_UNREACHABLE");
    expect([refused?.status, fieldOf(refused!.headers, "retry-after")]).toEqual([503, "5"]);
    await send(ask("/live/demo/x", bearer(token)));
    expect(lines).toEqual([
      [{ err: expect.any(Error), keys: url }, "the keys of tokens cannot be had: requests that need one get a 503"],
    ]);
    state.status = 200;
    expect(await send(ask("/live/demo/x", bearer(token)))).toBe(HIT);
    const nobody = behind(jwt({ ...options, keys: "http://127.0.0.1:9/keys" }));
    expect(await refusalOf(nobody.send(ask("/live/demo/x", bearer(token))))).toBe("KEYS_UNREACHABLE");
  });

  test("a flood of made-up tokens waits in a queue with an end, and known ones pass by it", async () => {
    const { url } = await issuer();
    const { send } = behind(jwt({ ...options, keys: url }));
    const known = await sign();
    expect(await send(ask("/live/demo/x", bearer(known)))).toBe(HIT);
    const flood = Array.from({ length: MAX_VERIFICATIONS + 5 }, (_, at) =>
      send(ask("/live/demo/x", bearer(`${known}${at}`))),
    );
    expect(send(ask("/live/demo/x", bearer(known)))).toBe(HIT);
    const codes = await Promise.all(flood.map(refusalOf));
    expect(codes.filter((code) => code === "GUARD_BUSY")).toHaveLength(5);
    expect(codes.filter((code) => code === "TOKEN_INVALID")).toHaveLength(MAX_VERIFICATIONS);
    expect(await refusalOf(send(ask("/live/demo/x", bearer(`${known}x`))))).toBe("TOKEN_INVALID");
  });
});
