/** What callers in JavaScript are told. */

import { describe, expect, test } from "vitest";
import {
  addressRules,
  CdnError,
  type CdnErrorCode,
  createConnectionGate,
  createDiskTier,
  createEdge,
  createServer,
  jwt,
  rateLimit,
  signedUrls,
  signUrl,
  trustProxies,
} from "../index.ts";

const upstreams = ["http://127.0.0.1:1"];
const key = "a secret of at least sixteen bytes";
const soon = Date.now() / 1000 + 60;

/** What is wrong with a call that types would not allow. */
async function problemOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof CdnError)) throw error;
    expect(error.code).toBe("INVALID_OPTION" satisfies CdnErrorCode);
    return error.message;
  }
  throw new Error("it was taken");
}

const CALLS: readonly [title: string, call: (given: never) => unknown, given: unknown, problem: string][] = [
  [
    "a slip in a name",
    createEdge,
    { upstreams, cache: { keepParam: [] } },
    "createEdge: cache.keepParam is not an option: did you mean keepParams?",
  ],
  ["a name of nothing", addressRules, { hosts: [] }, "addressRules: hosts is not an option: there are allow, deny"],
  [
    "a word that is none of those",
    createEdge,
    { upstreams, balance: "rr" },
    'createEdge: balance is "rr": give one of priority, weighted, hash',
  ],
  [
    "a slip in a word",
    rateLimit,
    { rules: [{ by: "adress", rate: 1 }] },
    'rateLimit: rules[0].by is "adress": give one of address, token; did you mean address?',
  ],
  ["no options", createEdge, undefined, "createEdge is given undefined: give it an object of options"],
  ["no upstreams", createEdge, {}, "createEdge: upstreams is missing"],
  ["an empty list of upstreams", createEdge, { upstreams: [] }, "an edge needs at least one upstream"],
  [
    "one upstream instead of a list",
    createEdge,
    { upstreams: "http://origin" },
    'createEdge: upstreams is "http://origin": give a list',
  ],
  ["a hole in the list of upstreams", createEdge, { upstreams: [undefined] }, "createEdge: upstreams[0] is missing"],
  ["an upstream that is a number", createEdge, { upstreams: [5] }, "createEdge: upstreams[0] is 5: give an object"],
  [
    "a path instead of a disk tier",
    createEdge,
    { upstreams, disk: "/tmp/x" },
    'createEdge: disk is "/tmp/x": give what createDiskTier makes',
  ],
  [
    "a disk tier that nobody waited for",
    createEdge,
    { upstreams, disk: Promise.resolve() },
    "createEdge: disk is a promise: await what createDiskTier gives",
  ],
  [
    "objects that cannot fit",
    createEdge,
    { upstreams, cache: { maxBytes: 1000, maxObjectBytes: 2000 } },
    "cache.maxObjectBytes is 2000, and cache.maxBytes 1000: an object has to fit",
  ],
  ["no handler", createServer, { port: 0 }, "createServer: handler is missing"],
  [
    "an edge instead of its handler",
    createServer,
    { port: 0, handler: createEdge({ upstreams }) },
    "createServer: handler is an object: give its handle, which is the function",
  ],
  [
    "a port as text",
    createServer,
    { port: "8080", handler: () => new Response() },
    'createServer: port is "8080": give a whole number from 0 to 65535',
  ],
  [
    "a slip in a limit",
    createServer,
    { handler: () => new Response(), limits: { maxConnection: 5 } },
    "createServer: limits.maxConnection is not an option: did you mean maxConnections?",
  ],
  ["a disk tier without a size", createDiskTier, { path: "/tmp/x" }, "createDiskTier: maxBytes is missing"],
  ["a gate without a cap", createConnectionGate, {}, "createConnectionGate: perAddress is missing"],
  [
    "a field that says nothing of clients",
    trustProxies,
    { proxies: [], header: "x-real-ip" },
    'trustProxies: header is "x-real-ip": give one of x-forwarded-for, forwarded',
  ],
  ["a key that the environment has not", signedUrls, { keys: { a: undefined } }, 'signedUrls: keys["a"] is missing'],
];

test.each(CALLS)("%s", async (_title, call, given, problem) => {
  expect(await problemOf(() => call(given as never))).toBe(problem);
});

describe("secrets", () => {
  test("an empty one is said to be empty", async () => {
    expect(await problemOf(() => signedUrls({ keys: { k: "" } }))).toContain("the secret of key k is empty: give 16");
  });

  test("one of JSON Web Tokens is given as bytes, and not shown", async () => {
    const problem = await problemOf(() => jwt({ keys: "hush, this is a secret of 32 bytes!" }));
    expect(problem).toContain("Buffer.from(secret)");
    expect(problem).not.toContain("hush");
    expect(await problemOf(() => jwt({ keys: Buffer.from("short") }))).toContain("has 5 bytes: give 32 or more");
  });
});

describe("when a signed URL is over", () => {
  const sign = (expires: number | Date): string => signUrl("/live/a", { key, keyId: "k", expires });

  test("is to come", async () => {
    expect(sign(soon)).toContain("/live/a");
    expect(await problemOf(() => sign(new Date(Date.now() - 1000)))).toContain("seconds since 1970");
  });

  test("is no number of seconds from now, and no milliseconds", async () => {
    expect(await problemOf(() => sign(3600))).toContain("expires is 3600, which was 1970-01-01T01:00:00.000Z");
    expect(await problemOf(() => sign(Date.now() + 3600_000))).toContain("are these milliseconds?");
  });
});
