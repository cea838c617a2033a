import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { signUrl } from "../guard/token/sign-url.ts";
import { silentLogger } from "../logger.ts";
import { createServer } from "../server/server.ts";
import type { EdgeConfig } from "./config/edge-config.ts";
import { configFile, freePort, program, startOrigin } from "./program.test-setup.ts";

const ok = async (url: string, init?: RequestInit): Promise<number> => {
  const response = await fetch(url, init);
  await response.arrayBuffer();
  return response.status;
};

describe("a program", () => {
  test("serves what its config asks for, and caches it", async () => {
    const origin = await startOrigin();
    const edge = await program({ upstreams: [origin.url], name: "edge-7", cache: { ignoreParams: ["x"] } });
    for (const query of ["", "?x=1", "?x=2"]) expect(await ok(`${edge.url}/a${query}`)).toBe(200);
    expect(Object.fromEntries(origin.asked)).toEqual({ "/a": 1 });
    expect((await fetch(`${edge.url}/a`)).headers.get("cache-status")).toMatch(/^edge-7; hit/);
  });

  test("guards in the order that its config has them, and what they let pass is shared", async () => {
    const origin = await startOrigin();
    const key = "0123456789abcdef";
    const edge = await program({
      upstreams: [origin.url],
      guard: {
        signedUrls: { keys: { k: key }, paths: ["/live/"] },
        rateLimits: [{ rate: 1, burst: 2, paths: ["/limited"] }],
        addresses: { deny: ["192.0.2.7"] },
        trustProxies: { proxies: ["127.0.0.1"] },
      },
    });
    const signed = signUrl("/live/a", { key, keyId: "k", expires: Date.now() / 1000 + 60, prefix: "/live/" });
    expect(await ok(edge.url + signed)).toBe(200);
    expect(await ok(`${edge.url}/live/a`)).toBe(403);
    expect(await ok(edge.url + signed, { headers: { "x-forwarded-for": "192.0.2.7" } })).toBe(403);
    expect([await ok(`${edge.url}/limited`), await ok(`${edge.url}/limited`), await ok(`${edge.url}/limited`)]).toEqual(
      [200, 200, 429],
    );
    const { total } = await edge.report();
    expect(total.requests.byOutcome).toMatchObject({ refused: 3 });
  });

  test("keeps what it has on disk, and what was purged stays purged, over a restart", async () => {
    const { file } = await configFile();
    const origin = await startOrigin();
    const config = { upstreams: [origin.url], disk: { path: `${file}.disk`, size: "64MiB" } };
    const first = await program(config);
    for (const path of ["/a", "/b"]) expect(await ok(first.url + path)).toBe(200);
    const purged = await fetch(`${first.adminUrl}/purge`, { method: "POST", body: '{ "urls": ["/a"] }' });
    expect(await purged.json()).toEqual({
      generation: expect.any(Number),
      id: expect.any(String),
      edges: { edge: "purged" },
      milliseconds: expect.any(Number),
    });
    await first.close();
    const second = await program(config);
    for (const path of ["/a", "/b"]) expect(await ok(second.url + path)).toBe(200);
    expect(Object.fromEntries(origin.asked)).toEqual({ "/a": 2, "/b": 1 });
    // What was asked for again is written once its answer is on its way.
    await expect.poll(async () => (await second.report()).total.disk).toMatchObject({ entries: 2, failed: null });
  });

  test("drops what processes had on disk that it has no more", async () => {
    const { file } = await configFile();
    const origin = await startOrigin();
    const path = `${file}.disk`;
    for (const name of ["process-1", "process-12", "process-x"]) await mkdir(join(path, name), { recursive: true });
    await program({ upstreams: [origin.url], disk: { path, size: "64MiB" } });
    expect((await readdir(path)).sort()).toEqual(["process-0", "process-x", "purges"]);
  });

  test.each([
    ["{", 400],
    ['{ "url": "/a" }', 400],
    ["{}", 400],
  ])("a purge that is %s is refused", async (body, status) => {
    const origin = await startOrigin();
    const edge = await program({ upstreams: [origin.url] });
    expect(await ok(`${edge.adminUrl}/purge`, { method: "POST", body })).toBe(status);
  });

  test("edges that know of each other purge together", async () => {
    const origin = await startOrigin();
    const ports = await Promise.all([freePort(), freePort()]);
    const peers = ports.map((port, index) => ({ name: `edge-${index}`, url: `http://127.0.0.1:${port}` }));
    const edges = await Promise.all(
      peers.map(({ name }, index) =>
        program({
          upstreams: [origin.url],
          port: ports[index]!,
          purge: { self: name, peers, secret: "of the two alone" },
          // The edges are not in front of each other's guards.
          guard: { signedUrls: { keys: { k: "0123456789abcdef" }, paths: ["/.ami/", "/films/"] } },
        }),
      ),
    );
    const [one, other] = edges as [(typeof edges)[0], (typeof edges)[0]];
    await expect.poll(async () => (await fetch(`${other.url}/a`)).headers.get("cache-status")).toMatch(/; hit/);
    const before = origin.asked.get("/a")!;
    const answer = await fetch(`${one.adminUrl}/purge`, { method: "POST", body: '{ "prefixes": ["/"] }' });
    expect(await answer.json()).toMatchObject({ edges: { "edge-0": "purged", "edge-1": "purged" } });
    expect(await ok(`${other.url}/a`)).toBe(200);
    expect(origin.asked.get("/a")).toBe(before + 1);
  });

  test("an edge that lost the one it purges together with says so, and asks an upstream whether what it has still holds", async () => {
    const statuses: number[] = [];
    const origin = await startOrigin(({ headers }) => {
      const status = headers.get("if-none-match") === '"1"' ? 304 : 200;
      statuses.push(status);
      const fields = { etag: '"1"', "cache-control": "max-age=3600" };
      return new Response(status === 200 ? "body" : null, { status, headers: fields });
    });
    const ports = await Promise.all([freePort(), freePort()]);
    const peers = ports.map((port, index) => ({ name: `edge-${index}`, url: `http://127.0.0.1:${port}` }));
    const lines: [object, string][] = [];
    const note = (fields: object, text: string): void => void lines.push([fields, text]);
    const logger = { ...silentLogger, info: note, warn: note };
    const start = (index: number) => {
      const purge = { self: `edge-${index}`, peers, secret: "of the two alone" };
      return program({ upstreams: [origin.url], port: ports[index]!, purge }, { logger });
    };
    const [lone, lost] = await Promise.all([start(0), start(1)]);
    const ask = async () => {
      const response = await fetch(`${lone.url}/a`);
      return [await response.text(), response.headers.get("cache-status")];
    };
    await expect.poll(async () => (await ask())[1]).toMatch(/; hit/);
    expect(await (await fetch(`${lone.adminUrl}/readyz`)).json()).toMatchObject({
      ready: true,
      notReady: [],
      warnings: [],
    });

    statuses.length = 0;
    await lost.close();
    await expect.poll(async () => (await lone.report()).purge?.trusted, { timeout: 10_000 }).toBe(false);
    const revalidated = ["body", "ami-edge; fwd=stale; fwd-status=304; detail=purges-unknown"];
    expect([await ask(), await ask()]).toEqual([revalidated, revalidated]);
    expect(statuses).toEqual([304, 304]);
    const ready = await fetch(`${lone.adminUrl}/readyz`);
    const warning = "nothing is served from the cache without asking an upstream: no contact for purges with edge-1";
    expect([ready.status, await ready.json()]).toMatchObject([200, { ready: true, notReady: [], warnings: [warning] }]);
    await expect
      .poll(() => lines)
      .toContainEqual([
        { missing: ["edge-1"], tolerate: 0 },
        "serves nothing from the cache without asking an upstream, until more edges are in contact for purges",
      ]);
    await start(1);
    await expect.poll(async () => (await ask())[1], { timeout: 10_000 }).toMatch(/; hit/);
    expect((await lone.report()).warnings).toEqual([]);
    await expect.poll(() => lines.map(([, text]) => text)).toContain("serves from the cache again");
  });

  test("an edge that may lose the other one serves on from its cache", async () => {
    const origin = await startOrigin();
    const ports = await Promise.all([freePort(), freePort()]);
    const peers = ports.map((port, index) => ({ name: `edge-${index}`, url: `http://127.0.0.1:${port}` }));
    const start = (index: number) => {
      const purge = { self: `edge-${index}`, peers, secret: "of the two alone", tolerate: 1 };
      return program({ upstreams: [origin.url], port: ports[index]!, purge });
    };
    const [lone, lost] = await Promise.all([start(0), start(1)]);
    const cacheStatus = async () => (await fetch(`${lone.url}/a`)).headers.get("cache-status");
    await expect.poll(cacheStatus).toMatch(/; hit/);
    await lost.close();
    const contact = async () => (await lone.report()).purge?.edges["edge-1"];
    await expect.poll(contact, { timeout: 10_000 }).toMatchObject({ weMayServe: false });
    expect(await cacheStatus()).toMatch(/; hit/);
    expect(await lone.report()).toMatchObject({ purge: { trusted: true }, warnings: [] });
  });

  test("logs clients' addresses and not those of its proxies", async () => {
    const { file } = await configFile();
    const log = `${file}.log`;
    const origin = await startOrigin();
    const edge = await program({
      upstreams: [origin.url],
      log: { format: "json", file: log },
      guard: { trustProxies: { proxies: ["127.0.0.1"] } },
    });
    expect(await ok(`${edge.url}/a`, { headers: { "x-forwarded-for": "192.0.2.7" } })).toBe(200);
    await edge.close();
    expect(
      (await readFile(log, "utf8"))
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ address: "192.0.2.7", target: "/a", status: 200, outcome: "miss", upstream: origin.url }]);
  });

  test("logs what was cut off because it took longer than the drain", async () => {
    const { file } = await configFile();
    let asked = (): void => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const origin = await startOrigin(() => {
      asked();
      return new Promise<Response>(() => {});
    });
    const lines: [object, string][] = [];
    const warn = (fields: object, text = ""): void => void lines.push([fields, text]);
    const log = { format: "json", file: `${file}.log` } as const;
    const edge = await program({ upstreams: [origin.url], log, drain: 50 }, { logger: { ...silentLogger, warn } });
    const answer = fetch(`${edge.url}/slow`).catch(() => "cut off");
    await isAsked;
    await edge.close();
    expect(await answer).toBe("cut off");
    expect(JSON.parse(await readFile(log.file, "utf8"))).toMatchObject({ target: "/slow", status: 499 });
    expect(lines).toContainEqual([
      { connections: 1, deadline: 50 },
      "connections that were still busy at the end were cut off",
    ]);
  });

  test.each([
    [{ port: -1 }, "port: must be a whole number"],
    [{ upstreams: [] }, "give --upstream"],
    [
      { upstreams: ["http://user:word@a"] },
      'the URL of upstream http://a has a user or a password: send them as headers: { authorization: "Basic …" }',
    ],
    [{ guard: { countries: { file: "/nowhere.mmdb" } } }, "guard.countries: /nowhere.mmdb is no country database"],
    [{ guard: { addresses: { deny: ["300.0.0.1"] } } }, 'guard.addresses: "300.0.0.1" is no network such as'],
    [{ guard: { trustProxies: { proxies: ["proxy"] } } }, 'guard.trustProxies: "proxy" is no network such as'],
    [
      { guard: { signedUrls: { keys: { a: "short" } } } },
      "guard.signedUrls: the secret of key a has 5 bytes: give 16 bytes or more",
    ],
    [{ guard: { rateLimits: [{ rate: 1, paths: ["x"] }] } }, "guard.rateLimits: "],
    [{ tls: { cert: "/nowhere.pem", key: "/nowhere.pem" } }, "tls.cert: /nowhere.pem cannot be read"],
    [{ tls: { cert: "/dev/null", key: "/dev/null" } }, "tls.cert: /dev/null is no PEM"],
    [
      { upstreams: ["http://a", { url: "https://b", tls: { ca: "/dev/null" } }] },
      "upstreams[1]: /dev/null is no PEM: no line of it has -----BEGIN",
    ],
    [{ purge: { self: "a b", peers: [], secret: "of the edges alone" } }, 'purge: "a b" is no name, such as edge-1'],
    [
      { purge: { self: "a", peers: [{ name: "b", url: "http://b" }], secret: "of the edges alone", tolerate: 2 } },
      "purge.tolerate is 2: give 0 to 1",
    ],
    [
      { host: "192.0.2.1" },
      "cannot listen on port 0 on 192.0.2.1: this machine does not have that address (EADDRNOTAVAIL)",
    ],
    [{ log: { file: "/dev/null/log" } }, "the access log /dev/null/log cannot be opened"],
    [{ processes: 2 }, "several processes are for ami-edge"],
  ])("with %j says what to do, and leaves nothing open", async (fields, message) => {
    await expect(program({ upstreams: ["http://127.0.0.1:1"], ...(fields as EdgeConfig) })).rejects.toThrow(message);
  });

  test("says which port is taken, be it that of clients or that of operators", async () => {
    await using taken = await createServer({ port: 0, host: "127.0.0.1", handler: () => new Response() });
    const upstreams = ["http://127.0.0.1:1"];
    await expect(program({ upstreams, port: taken.port })).rejects.toThrow(`port ${taken.port} on 127.0.0.1 is taken`);
    await expect(program({ upstreams, admin: { port: taken.port } })).rejects.toThrow(
      `the admin port (--admin-port, --admin-host, --no-admin): port ${taken.port} on 127.0.0.1 is taken`,
    );
  });
});

describe("a reload", () => {
  test("exchanges upstreams, guards and log, and keeps what is cached", async () => {
    const [first, second] = [await startOrigin(), await startOrigin()];
    const config = await configFile();
    await config.write({ upstreams: [first.url] });
    const edge = await program({}, { file: config.file });
    expect(await ok(`${edge.url}/a`)).toBe(200);
    await config.write({
      upstreams: [second.url],
      guard: { hotlinks: { allow: ["tv.example"] } },
      log: { file: "access.log" },
    });
    const { changed, restart } = await edge.reload();
    expect([changed.toSorted(), restart]).toEqual([["guard", "log", "upstreams"], []]);
    expect(await ok(`${edge.url}/a`)).toBe(200);
    expect(await ok(`${edge.url}/b`)).toBe(200);
    expect(await ok(`${edge.url}/b`, { headers: { referer: "https://other.example/" } })).toBe(403);
    expect([first.asked.size, second.asked.size]).toEqual([1, 1]);
    await edge.close();
    expect((await readFile(join(config.file, "..", "access.log"), "utf8")).match(/\n/g)).toHaveLength(3);
  });

  test.each([
    ["{", "is no JSON"],
    [{ upstreams: [] }, "give --upstream"],
    [{ upstreams: ["http://127.0.0.1:1"], guard: { hotlinks: { allow: ["no site"] } } }, "no site such as"],
    [{ upstreams: ["http://127.0.0.1:1"], log: { file: "/dev/null/log" } }, "cannot be opened"],
  ])("of %j fails whole: everything goes on as it was", async (broken, why) => {
    const origin = await startOrigin();
    const config = await configFile();
    await config.write({ upstreams: [origin.url], guard: { rateLimits: [{ rate: 0.001, burst: 3 }] } });
    const edge = await program({}, { file: config.file });
    expect(await ok(`${edge.url}/a`)).toBe(200);
    await config.write(broken);
    await expect(edge.reload()).rejects.toThrow(why);
    expect(await ok(`${edge.url}/b`)).toBe(200);
    expect((await edge.report()).reloads).toMatchObject({ done: 0, failed: 1, error: expect.stringContaining(why) });
  });

  test("keeps what guards have counted whose section is the same", async () => {
    const origin = await startOrigin();
    const config = await configFile();
    const rateLimits = [{ rate: 0.001, burst: 2 }];
    await config.write({ upstreams: [origin.url], guard: { rateLimits } });
    const edge = await program({}, { file: config.file });
    await ok(`${edge.url}/a`);
    await config.write({ upstreams: [origin.url], guard: { rateLimits, addresses: { deny: ["192.0.2.1"] } } });
    await edge.reload();
    expect([await ok(`${edge.url}/a`), await ok(`${edge.url}/a`)]).toEqual([200, 429]);
    await config.write({ upstreams: [origin.url], guard: { rateLimits: [{ rate: 0.001, burst: 1 }] } });
    await edge.reload();
    expect([await ok(`${edge.url}/a`), await ok(`${edge.url}/a`)]).toEqual([200, 429]);
  });

  test("says what needs a restart, again each time until there was one", async () => {
    const config = await configFile();
    const upstreams = ["http://127.0.0.1:1"];
    await config.write({ upstreams });
    const edge = await program({}, { file: config.file });
    await config.write({ upstreams, cache: { keepParams: [] }, name: "other" });
    for (let count = 0; count < 2; count += 1) {
      const { changed, restart } = await edge.reload();
      expect([changed, restart.toSorted()]).toEqual([[], ["cache.keepParams", "name"]]);
    }
    expect(edge.config).toMatchObject({ cache: {}, name: "ami-edge" });
  });

  test("lets an answer under way end from the upstream that it began at", async () => {
    let end = (): void => {};
    const slow = await startOrigin(() => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from("first "));
          end = () => {
            controller.enqueue(Buffer.from("last"));
            controller.close();
          };
        },
      });
      return new Response(body);
    });
    const other = await startOrigin();
    const config = await configFile();
    await config.write({ upstreams: [slow.url] });
    const edge = await program({}, { file: config.file });
    const reader = (await fetch(`${edge.url}/a`)).body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe("first ");
    await config.write({ upstreams: [other.url] });
    await edge.reload();
    expect(await ok(`${edge.url}/b`)).toBe(200);
    end();
    expect((await reader.read()).value).toBe("last");
    expect(await reader.read()).toEqual({ done: true, value: undefined });
    expect(other.asked.get("/b")).toBe(1);
  });
});

describe("the admin port", () => {
  const upstreams = ["http://127.0.0.1:1"];

  test("is on this machine alone, and tells of health, counts and metrics", async () => {
    const origin = await startOrigin();
    const edge = await program({ upstreams: [origin.url] });
    expect(new URL(edge.adminUrl).hostname).toBe("127.0.0.1");
    await ok(`${edge.url}/live/demo/720p/1.m4s`);
    await ok(`${edge.url}/live/demo/720p/1.m4s`);
    const get = async (path: string) => (await fetch(edge.adminUrl + path)).text();
    expect(JSON.parse(await get("/healthz"))).toEqual({ alive: true });
    expect(JSON.parse(await get("/readyz"))).toEqual({
      ready: true,
      notReady: [],
      warnings: [],
      load: expect.any(Number),
    });
    expect(JSON.parse(await get("/stats"))).toMatchObject({
      name: "ami-edge",
      total: { edge: { hits: 1, misses: 1 }, requests: { byOutcome: { hit: 1, miss: 1 } } },
      upstreams: [{ name: origin.url, requests: 1, healthy: true }],
    });
    expect(await get("/metrics")).toContain(
      'ami_http_requests_total{ami_edge_name="ami-edge",ami_edge_outcome="hit",http_response_status_class="2xx",ami_edge_rendition="live/demo/720p"} 1\n',
    );
    expect(await get("/other")).toContain(
      "there is /healthz, /readyz, /stats, /metrics here, and POST /reload, /purge, /reopen",
    );
    expect(await ok(`${edge.adminUrl}/reload`)).toBe(405);
    expect(await ok(`${edge.adminUrl}/stats`, { method: "POST" })).toBe(405);
  });

  test.each([
    ["not known", {}],
    ["half-open", { failures: 1, share: 0.01, openFor: "1ms", maxOpenFor: "1ms" }],
    ["open", { failures: 1, share: 0.01, openFor: "1h", maxOpenFor: "1h" }],
  ])("says that an edge is not ready whose upstreams cannot be reached: %s", async (_state, circuit) => {
    const edge = await program({ upstreams, circuit });
    expect(await ok(`${edge.url}/a`)).toBeGreaterThanOrEqual(500);
    const response = await fetch(`${edge.adminUrl}/readyz`);
    expect([response.status, await response.json()]).toEqual([
      503,
      { ready: false, notReady: ["no upstream can be reached"], warnings: [], load: expect.any(Number) },
    ]);
  });

  test("says that an edge is ready when its upstream has answered, though nobody asked for anything", async () => {
    const edge = await program({ upstreams: [(await startOrigin()).url] });
    await expect.poll(() => ok(`${edge.adminUrl}/readyz`), { timeout: 10_000 }).toBe(200);
  });

  test("reads the config again, and says what is wrong with it", async () => {
    const config = await configFile();
    await config.write({ upstreams });
    const edge = await program({}, { file: config.file });
    const reload = async () => {
      const response = await fetch(`${edge.adminUrl}/reload`, { method: "POST" });
      return [response.status, await response.json()];
    };
    expect(await reload()).toEqual([200, { changed: [], restart: [] }]);
    await config.write({ upstreams, memroy: 1 });
    expect(await reload()).toMatchObject([
      422,
      { error: { code: "INVALID_CONFIG", problems: ["memroy: is not an option: did you mean memory?"] } },
    ]);
  });

  test("wants its token, where it has one, for everything but health", async () => {
    const token = "0123456789abcdef";
    const edge = await program({ upstreams, admin: { port: 0, token } });
    const status = (path: string, init?: RequestInit) => ok(edge.adminUrl + path, init);
    const right = { authorization: `Bearer ${token}` };
    expect([await status("/healthz"), await status("/readyz")]).toEqual([200, 503]);
    expect([await status("/stats"), await status("/metrics"), await status("/reload", { method: "POST" })]).toEqual([
      401, 401, 401,
    ]);
    expect(await status("/stats", { headers: { authorization: "Bearer 0123456789abcdeF" } })).toBe(401);
    expect([
      await status("/stats", { headers: right }),
      await status("/metrics", { headers: right }),
      await status("/reload", { method: "POST", headers: right }),
    ]).toEqual([200, 200, 200]);
  });

  test.each([
    ["POST", { origin: "https://evil.example" }],
    ["GET", { "sec-fetch-site": "cross-site" }],
  ])("is not for web pages, which a browser on this machine shows (%s %j)", async (method, headers) => {
    const edge = await program({ upstreams });
    const path = method === "POST" ? "/reload" : "/stats";
    expect(await ok(edge.adminUrl + path, { method, headers: headers as Record<string, string> })).toBe(403);
  });

  test("is not there where nobody wants it, and two edges in a process share what measures", async () => {
    const none = await program({ upstreams, admin: false });
    expect(none.adminUrl).toBeUndefined();
    const [a, b] = [await program({ upstreams, name: "a" }), await program({ upstreams, name: "b" })];
    await ok(`${a.url}/x`);
    await a.close();
    await ok(`${b.url}/x`);
    expect(await b.metrics()).toMatch(/ami_http_requests_total\{ami_edge_name="b"/);
  });
});
