/** What of a config a running edge takes without a restart. */

import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectTls } from "node:tls";
import { peer } from "@ami-streams/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { certificateFiles, configFile, program, startOrigin } from "./program.test-setup.ts";

const ok = async (url: string, init?: RequestInit): Promise<number> => {
  const response = await fetch(url, init);
  await response.arrayBuffer();
  return response.status;
};

/** A program with a config file, which `reload` writes anew and has read. */
async function reloadable(config: object) {
  const { file, write } = await configFile();
  await write(config);
  const edge = await program({}, { file });
  return Object.assign(edge, {
    async reloadWith(next: object) {
      await write(next);
      return await edge.reload();
    },
  });
}

describe.skipIf(peer("openssl") === null)("a certificate", () => {
  const nameAt = async (url: string): Promise<string | string[] | undefined> => {
    const socket = connectTls({ port: Number(new URL(url).port), host: "127.0.0.1", rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().subject.CN;
  };

  test("whose files were replaced is shown from the reload on", async () => {
    const { cert, key, issue } = await certificateFiles();
    await issue("before");
    const config = { upstreams: ["http://127.0.0.1:1"], tls: { cert, key } };
    const edge = await reloadable(config);
    expect(await nameAt(edge.url)).toBe("before");
    await issue("after");
    expect(await edge.reloadWith(config)).toEqual({ changed: ["tls"], restart: [] });
    expect(await nameAt(edge.url)).toBe("after");
    expect(await edge.reloadWith(config)).toEqual({ changed: [], restart: [] });
  });

  test("may be in other files after a reload", async () => {
    const [before, after] = [await certificateFiles(), await certificateFiles()];
    await Promise.all([before.issue("before"), after.issue("after")]);
    const upstreams = ["http://127.0.0.1:1"];
    const edge = await reloadable({ upstreams, tls: { cert: before.cert, key: before.key } });
    const next = { upstreams, tls: { cert: after.cert, key: after.key } };
    expect(await edge.reloadWith(next)).toEqual({ changed: ["tls"], restart: [] });
    expect(await nameAt(edge.url)).toBe("after");
  });

  test.each([
    ["is no PEM", "garbage", "is no PEM: no line of it has -----BEGIN"],
    ["is a broken PEM", "-----BEGIN CERTIFICATE-----\ngarbage", "are no certificate and its key"],
    ["is of another key", undefined, "are no certificate and its key"],
  ])("that %s is not taken, nor anything else; the old one stays", async (_, text, why) => {
    const [mine, other] = [await certificateFiles(), await certificateFiles()];
    await Promise.all([mine.issue("mine"), other.issue("other")]);
    const config = { upstreams: ["http://127.0.0.1:1"], tls: { cert: mine.cert, key: mine.key } };
    const edge = await reloadable(config);
    if (text !== undefined) await writeFile(mine.cert, text);
    const next = { ...config, ...(text === undefined && { tls: { cert: mine.cert, key: other.key } }), drain: "2s" };
    await expect(edge.reloadWith(next)).rejects.toThrow(why);
    expect(await nameAt(edge.url)).toBe("mine");
    expect(edge.config.drain).toBe(1000);
  });

  test("where there was none needs a restart", async () => {
    const { cert, key, issue } = await certificateFiles();
    await issue("late");
    const origin = await startOrigin();
    const edge = await reloadable({ upstreams: [origin.url] });
    const { changed, restart } = await edge.reloadWith({ upstreams: [origin.url], tls: { cert, key } });
    expect([changed, restart]).toEqual([[], ["tls"]]);
    expect(await ok(`${edge.url}/a`)).toBe(200);
  });
});

test("limits hold from the reload on, and are the defaults again when they are gone", async () => {
  const origin = await startOrigin();
  const upstreams = [origin.url];
  const edge = await reloadable({ upstreams });
  const long = `${edge.url}/${"a".repeat(200)}`;
  expect(await ok(long)).toBe(200);
  expect(await edge.reloadWith({ upstreams, limits: { maxUrlBytes: 100 } })).toEqual({
    changed: ["limits"],
    restart: [],
  });
  expect(await ok(long)).toBe(414);
  await edge.reloadWith({ upstreams });
  expect(await ok(long)).toBe(200);
});

test("memory grows and shrinks, and what fits is kept", async () => {
  const origin = await startOrigin(
    () => new Response(new Uint8Array(10_000), { headers: { "cache-control": "max-age=3600" } }),
  );
  const upstreams = [origin.url];
  const edge = await reloadable({ upstreams, memory: "1MiB" });
  for (let count = 0; count < 50; count += 1) await ok(`${edge.url}/${count}`);
  expect(await edge.reloadWith({ upstreams, memory: "100KiB" })).toEqual({ changed: ["memory"], restart: [] });
  const { memory, edge: shrunk } = (await edge.report()).total;
  expect(memory).toBe(102_400);
  expect(shrunk.bytes).toBeLessThanOrEqual(102_400);
  expect(shrunk.entries).toBeGreaterThan(4);
  await edge.reloadWith({ upstreams, memory: "1MiB" });
  for (let count = 0; count < 50; count += 1) await ok(`${edge.url}/${count}`);
  expect((await edge.report()).total.edge.entries).toBe(50);
});

test("cache options hold for what is stored from the reload on", async () => {
  const origin = await startOrigin(({ url }) => {
    const { pathname } = new URL(url);
    if (pathname.startsWith("/missing")) return new Response(null, { status: 404 });
    return new Response(new Uint8Array(1000), {
      headers: { "cache-control": "max-age=60", "surrogate-key": "t", "set-cookie": "a=b" },
    });
  });
  const upstreams = [origin.url];
  const edge = await reloadable({ upstreams, cache: { negativeTtl: 0, storeSetCookie: true } });
  const ask = async (path: string): Promise<Headers> => {
    const response = await fetch(edge.url + path);
    await response.arrayBuffer();
    return response.headers;
  };
  const isHit = async (path: string): Promise<boolean> => {
    await ask(path);
    return /; hit/.test((await ask(path)).get("cache-status")!);
  };
  expect([await isHit("/missing/1"), await isHit("/a"), (await ask("/a")).has("surrogate-key")]).toEqual([
    false,
    true,
    false,
  ]);
  const cache = { negativeTtl: "1h", maxObjectBytes: 500, exposeTags: true };
  expect(await edge.reloadWith({ upstreams, cache })).toEqual({ changed: ["cache"], restart: [] });
  expect([await isHit("/missing/2"), await isHit("/b"), (await ask("/b")).has("surrogate-key")]).toEqual([
    true,
    false,
    true,
  ]);
  // What was stored stays.
  expect(await isHit("/a")).toBe(true);
});

test("metrics are counted otherwise from the reload on, and what was counted stays", async () => {
  const origin = await startOrigin();
  const upstreams = [origin.url];
  const edge = await reloadable({ upstreams, name: "counting" });
  await ok(`${edge.url}/a/b/c/d`);
  const metrics = { segments: 1, renditions: 1 };
  expect(await edge.reloadWith({ upstreams, name: "counting", metrics })).toEqual({
    changed: ["metrics"],
    restart: [],
  });
  for (const path of ["/a/b/c/d", "/x/y"]) await ok(edge.url + path);
  const names = (await edge.metrics()).matchAll(
    /^ami_http_requests_total\{ami_edge_name="counting".*ami_edge_rendition="([^"]*)"/gm,
  );
  // The one that has a place of its own keeps it; there is none for others.
  expect(new Set([...names].map(([, name]) => name))).toEqual(new Set(["a/b/c", "other"]));
});
