/** Purging over HTTP, as curl does it. */

import { expect, onTestFinished, test } from "vitest";
import { CdnError } from "../../errors.ts";
import { silentLogger } from "../../logger.ts";
import { createServer } from "../../server/server.ts";
import { createPurgeApi, MAX_PURGE_BODY_BYTES, type PurgeApiOptions } from "./purge-api.ts";
import { createPurges, type PurgeResult, type Purges } from "./purges.ts";

const TOKEN = "token-of-the-tests";
const authorization = `Bearer ${TOKEN}`;

async function serve(options: Partial<PurgeApiOptions> = {}): Promise<{ purges: Purges; url: string }> {
  const purges = await createPurges();
  const handler = createPurgeApi({ purges, tokens: ["token-before-this", TOKEN], ...options });
  const server = await createServer({ handler, port: 0, host: "127.0.0.1" });
  onTestFinished(() => purges.close());
  onTestFinished(() => server.close());
  return { purges, url: server.url };
}

function send(url: string, method: string, headers: Record<string, string> = {}, body?: string): Promise<Response> {
  return fetch(url, { method, headers: { authorization, ...headers }, ...(body !== undefined && { body }) });
}

async function errorOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}

test("a JSON purge is answered with what became of it", async () => {
  const { purges, url } = await serve();
  const { generation } = purges;
  const body = JSON.stringify({ urls: ["/a"], prefixes: ["/live/"], tags: ["t"] });
  const response = await send(`${url}/purge`, "POST", {}, body);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    generation: generation + 1,
    id: expect.stringMatching(/^edge\/\d+\/1$/),
    edges: { edge: "purged" },
    milliseconds: expect.any(Number),
  });
  for (const [key, tags] of [
    ["/a", []],
    ["/live/x", []],
    ["/x", ["t"]],
  ] as const) {
    expect(purges.judge({ key, tags, generation })).toBe("hard");
  }
  expect(purges.judge({ key: "/x", tags: [], generation })).toBe("kept");
});

test.each<[string, string, Record<string, string>, { key: string; tags: string[] }, string]>([
  ["PURGE", "/a?x=1", {}, { key: "/a?x=1", tags: [] }, "hard"],
  ["PURGE", "/a?x=1", {}, { key: "/a", tags: [] }, "kept"],
  ["PURGE", "/a", { "soft-purge": "1" }, { key: "/a", tags: [] }, "soft"],
  ["PURGE", "/", { "surrogate-key": "t u" }, { key: "/b", tags: ["u"] }, "hard"],
  ["PURGE", "/", { "surrogate-key": "t u" }, { key: "/", tags: [] }, "kept"],
  ["POST", "/purge", { "surrogate-key": "t u" }, { key: "/b", tags: ["t"] }, "hard"],
  ["POST", "/purge", { "cache-tag": "t,u", "soft-purge": "1" }, { key: "/b", tags: ["u"] }, "soft"],
])("%s %s with %j purges", async (method, target, headers, stored, verdict) => {
  const { purges, url } = await serve();
  const { generation } = purges;
  expect((await send(url + target, method, headers)).status).toBe(200);
  expect(purges.judge({ ...stored, generation })).toBe(verdict);
});

test.each<[string, string, string | undefined, number, string]>([
  ["POST", "/purge", "{", 400, "BAD_REQUEST"],
  ["POST", "/purge", "{}", 400, "INVALID_PURGE"],
  ["POST", "/purge", undefined, 400, "INVALID_PURGE"],
  ["POST", "/purge", '{"urls":["/../a"]}', 400, "INVALID_PURGE"],
  ["POST", "/purge", `{"tags":["${"x".repeat(MAX_PURGE_BODY_BYTES)}"]}`, 413, "BODY_TOO_LARGE"],
  ["POST", "/other", '{"all":true}', 404, "NOT_FOUND"],
  ["DELETE", "/purge", undefined, 405, "METHOD_NOT_ALLOWED"],
  ["PURGE", "/a%2e%2e%2fb", undefined, 400, "INVALID_PURGE"],
  ["PURGE", "/vod/*", undefined, 400, "INVALID_PURGE"],
])("%s %s with %.20s is %i %s", async (method, target, body, status, code) => {
  const { purges, url } = await serve();
  const { generation } = purges;
  const response = await send(url + target, method, {}, body);
  expect(response.status).toBe(status);
  expect(await errorOf(response)).toBe(code);
  if (status === 405) expect(response.headers.get("allow")).toBe("GET, POST, PURGE");
  expect(purges.generation).toBe(generation);
});

test("the log says what was purged, how, and by whom", async () => {
  const lines: object[] = [];
  const info = (fields: object): void => void lines.push(fields);
  const { url } = await serve({ logger: { ...silentLogger, info } });
  const tags = Array.from({ length: 12 }, (_, at) => `t${at}`);
  await send(`${url}/purge`, "POST", {}, JSON.stringify({ prefixes: ["/live/"], tags, soft: true }));
  await send(`${url}/a?x`, "PURGE");
  const common = { by: "127.0.0.1", id: expect.any(String), edges: { edge: "purged" } };
  expect(lines).toEqual([
    { prefixes: ["/live/"], tags: tags.slice(0, 10), names: 13, soft: true, ...common },
    { urls: ["/a?x"], soft: false, ...common },
  ]);
});

test.each([undefined, "", "Bearer", "Bearer wrong", `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, `Bearer ${TOKEN} x`])(
  "authorization %j purges nothing",
  async (value) => {
    const { purges, url } = await serve();
    const { generation } = purges;
    const headers = value === undefined ? {} : { authorization: value };
    for (const [method, target] of [
      ["POST", "/purge"],
      ["PURGE", "/a"],
      ["GET", "/purge"],
    ] as const) {
      const response = await fetch(url + target, { method, headers });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
    }
    expect(purges.generation).toBe(generation);
  },
);

test("each of several tokens is taken, so that they can be changed", async () => {
  const { url } = await serve();
  for (const token of ["token-before-this", TOKEN]) {
    expect((await send(`${url}/a`, "PURGE", { authorization: `bearer ${token}` })).status).toBe(200);
  }
});

test("a function may decide who purges, by connection as well", async () => {
  const authorize: PurgeApiOptions["authorize"] = async (request, connection) =>
    connection?.remoteAddress === "127.0.0.1" && request.headers.get("x-who") === "me";
  const { url } = await serve({ tokens: [], authorize });
  expect((await fetch(`${url}/a`, { method: "PURGE", headers: { "x-who": "me" } })).status).toBe(200);
  expect((await send(`${url}/a`, "PURGE")).status).toBe(401);
});

test("an edge says how it stands", async () => {
  const { purges, url } = await serve();
  const response = await send(`${url}/purge`, "GET");
  expect(await response.json()).toEqual({ ...purges.status, trusted: true, edges: {} });
});

test("a purge that is not certain everywhere says so, and where it is", async () => {
  const result: PurgeResult = { generation: 7, id: "e0/1/1", edges: { e0: "purged", e1: "waiting" }, milliseconds: 9 };
  const failing = (error: Error): PurgeApiOptions["purges"] => ({
    purge: () => Promise.reject(error),
    status: { self: "e0", generation: 7, entries: 0, recovering: false, trusted: false, edges: {} },
  });
  const incomplete = new CdnError("PURGE_INCOMPLETE", "not certainly at e1", { cause: result });
  const { url } = await serve({ purges: failing(incomplete) });
  const response = await send(`${url}/a`, "PURGE");
  expect(response.status).toBe(504);
  expect(await response.json()).toEqual({
    error: { code: "PURGE_INCOMPLETE", message: "not certainly at e1" },
    ...result,
  });
  for (const [code, status] of [
    ["PURGE_UNAVAILABLE", 503],
    ["PURGE_BUSY", 503],
    ["PURGE_NOT_STORED", 507],
  ] as const) {
    const other = await serve({ purges: failing(new CdnError(code, "why")) });
    expect((await send(`${other.url}/a`, "PURGE")).status).toBe(status);
  }
  const broken = await serve({ purges: failing(new Error("a secret detail")) });
  const hidden = await send(`${broken.url}/a`, "PURGE");
  expect(hidden.status).toBe(500);
  expect(await hidden.text()).not.toContain("secret");
});

test.each([{}, { tokens: [] }, { tokens: ["short"] }, { tokens: ["a token with blanks"] }])(
  "without a token that cannot be guessed, or a function, there is no API: %j",
  async (options) => {
    const purges = await createPurges();
    onTestFinished(() => purges.close());
    expect(() => createPurgeApi({ purges, ...options })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  },
);
