import { describe, expect, test } from "vitest";
import { checkConfig } from "./check-config.ts";
import { defineEdgeConfig, type EdgeConfig } from "./edge-config.ts";

const upstreams = ["http://origin:8081"];

/** The lines that a config with one upstream, and this, gets. */
function problemsOf(fields: object): readonly string[] {
  return checkConfig({ upstreams, ...fields }).problems ?? [];
}

/** One of everything, typed as people write it. */
const everything: EdgeConfig = defineEdgeConfig({
  port: 8443,
  host: "0.0.0.0",
  name: "edge-1",
  processes: 4,
  drain: "30s",
  upstreams: [
    "http://origin:8081",
    {
      url: "https://shield.example/base",
      name: "shield",
      weight: 3,
      priority: 0,
      backup: true,
      health: {
        path: "/healthz",
        interval: "2s",
        timeout: 500,
        healthyAfter: 1,
        unhealthyAfter: 2,
        expectStatus: [200, 204],
      },
      timeouts: { connect: "1s", head: "40s", body: "20s", total: "1h" },
      headers: { "x-shield": "1" },
      connections: 64,
      keepAliveTimeout: "4s",
      http2: true,
      tls: { ca: "ca.pem", serverName: "shield.internal", rejectUnauthorized: true },
    },
    {
      url: "https://s3.example",
      s3: { accessKeyId: "a", secretAccessKey: "b", region: "auto", bucket: "vod", style: "path" },
    },
  ],
  balance: "weighted",
  retry: { share: 0.1, floor: 5, backoff: ["50ms"] },
  hedge: { after: "100ms", min: 10, max: "1s", sameUpstream: true },
  circuit: { window: "10s", failures: 5, share: 0.5, openFor: "1s", maxOpenFor: "10s" },
  timeouts: { connect: "2s" },
  memory: "4GiB",
  cache: {
    keepParams: ["lang"],
    sortParams: true,
    negativeTtl: "1s",
    maxObjectBytes: "64MiB",
    heuristic: { fraction: 0.1, max: "5min" },
    staleIfDisconnected: "30s",
    targetedFields: ["cdn-cache-control"],
    requestDirectives: "harmless",
    ignoreAuthorization: true,
    storeSetCookie: false,
    exposeTags: false,
    sliceBytes: "1MiB",
    sliceAbove: "8MiB",
  },
  forward: { clientAddress: "always", fields: "forwarded" },
  guard: {
    trustProxies: { proxies: ["10.0.0.0/8"], header: "forwarded" },
    addresses: { allow: ["192.0.2.0/24"], deny: ["192.0.2.7"] },
    countries: { file: "countries.mmdb", allow: ["DE"], deny: ["FR"], unknown: "deny" },
    hotlinks: { allow: ["*.tv.example"], allowEmpty: false },
    credentials: { origins: ["https://tv.example"], maxAge: "1h" },
    signedUrls: {
      keys: { "2026": "0123456789abcdef" },
      paths: ["/live/"],
      setCookie: { name: "t" },
      clockTolerance: "5s",
    },
    jwt: {
      keys: "https://id.example/jwks.json",
      issuer: "id",
      audience: ["tv"],
      setCookie: true,
      places: { query: "jwt" },
    },
    connections: { perAddress: 64, exempt: ["10.0.0.0/8"] },
    rateLimits: [
      { rate: 10, burst: 20, paths: ["/api/"] },
      { by: "token", rate: 0.5, name: "viewer", status: 503 },
    ],
  },
  live: {
    rules: false,
    prefetch: true,
    cmcd: false,
    cmcdReports: { path: "/cmcd", maxBodyBytes: "64KiB", perSecond: 100 },
    cmsd: true,
  },
  steering: {
    path: "/steering",
    pathways: [
      { id: "a", weight: 2, healthUrl: "http://a:9180/readyz" },
      { id: "b", clone: { baseId: "a", host: "b.example", params: { via: "b" } } },
    ],
    ttl: "5min",
    degradedTtl: "10s",
    minThroughput: 1_000_000,
    healthInterval: "5s",
    healthTimeout: "2s",
  },
  tls: { cert: "cert.pem", key: "key.pem", minVersion: "TLSv1.2" },
  limits: { maxConnections: 50_000, maxHeaderBytes: "32KiB", idleTimeout: "30s", sendGrace: 10_000 },
  log: { level: "warn", format: "combined", sample: { hit: 0.01 }, file: "access.log", hideParams: ["token", "sig"] },
  metrics: { segments: 2, renditions: 50, timeHits: true },
  admin: { host: "0.0.0.0", port: 9999, token: "0123456789abcdef" },
});

describe("a config", () => {
  test("needs no more than an upstream", () => {
    expect(checkConfig({ upstreams })).toEqual({
      config: {
        name: "ami-edge",
        processes: 1,
        drain: 10_000,
        upstreams: [{ url: "http://origin:8081" }],
        memory: 268_435_456,
        cache: {},
        live: { rules: true, prefetch: false, cmcd: true, cmsd: false },
        guard: {},
        limits: {},
        log: { level: "info" },
        metrics: { segments: 3, renditions: 100, timeHits: false },
        admin: { host: "127.0.0.1", port: 9180 },
      },
    });
  });

  test("can say everything at once, and comes out in bytes and milliseconds", () => {
    const { config, problems } = checkConfig(everything);
    expect(problems).toBeUndefined();
    expect(config).toMatchObject({
      drain: 30_000,
      memory: 4 * 2 ** 30,
      upstreams: [{}, { health: { interval: 2000, timeout: 500 }, timeouts: { total: 3_600_000 } }, {}],
      cache: { negativeTtl: 1000, sliceBytes: 2 ** 20, heuristic: { max: 300_000 } },
      limits: { maxHeaderBytes: 32_768, idleTimeout: 30_000, sendGrace: 10_000, maxConnections: 50_000 },
      guard: { rateLimits: [{ by: "address" }, { by: "token" }] },
    });
  });

  test("without an upstream says how to give one", () => {
    expect(checkConfig({}).problems).toEqual([
      "upstreams: give --upstream http://origin:8081, or a list in a config file",
    ]);
  });

  test.each([
    [{ memroy: "1GiB" }, "memroy: is not an option: did you mean memory?"],
    [{ cache: { ignoreParam: ["a"] } }, "cache.ignoreParam: is not an option: did you mean ignoreParams?"],
    [{ cache: { ttl: 5 } }, "cache.ttl: is not an option"],
    [{ upstreams: [{ url: "http://a", wieght: 1 }] }, "upstreams[0].wieght: is not an option: did you mean weight?"],
    [{ limits: { maxConnection: 1 } }, "limits.maxConnection: is not an option: did you mean maxConnections?"],
    [{ log: { sample: { hits: 1 } } }, "log.sample.hits: is not an option: did you mean hit?"],
    [{ log: { format: "jsn" } }, 'log.format: must be json, common or combined, not "jsn": did you mean json?'],
    [{ memory: "1 gig" }, 'memory: "1 gig" is no size: write it like 512MiB, 1GiB or 200GB'],
    [{ memory: -1 }, "memory: -1 is no size: write it like 512MiB, 1GiB or 200GB"],
    [{ drain: "10" }, 'drain: "10" is no duration: write it like 500ms, 10s or 5min'],
    [{ port: 70_000 }, "port: must be a whole number from 0 to 65535"],
    [{ port: "http" }, "port: must be a whole number from 0 to 65535"],
    [{ processes: 0 }, "processes: must be a whole number from 1 to 256"],
    [{ name: "edge 1" }, "name: must be a token, such as edge-1"],
    [{ upstreams: ["origin:8081"] }, 'upstreams[0]: "origin:8081" is no http(s)://host[:port] URL'],
    [{ upstreams: "http://origin" }, "upstreams: must be a list of URLs or objects"],
    [{ upstreams: [7] }, "upstreams[0]: must be a URL or an object"],
    [{ upstreams: [{ name: "a" }] }, "upstreams[0].url: is missing"],
    [{ upstreams: [{ url: "http://a", health: { path: "healthz" } }] }, "upstreams[0].health.path: must start with /"],
    [{ cache: { keepParams: [], ignoreParams: [] } }, "cache: give ignoreParams or keepParams, not both"],
    [{ guard: { jwt: {} } }, "guard.jwt: give one of keys and secret"],
    [
      { guard: { jwt: { keys: "a secret that is no URL" } } },
      "guard.jwt.keys: must be the http(s) URL of a key set, or a key set: a shared secret goes into secret",
    ],
    [{ guard: { signedUrls: { keys: { "a b": 1 } } } }, 'guard.signedUrls.keys["a b"]: must be text'],
    [{ admin: { token: "short" } }, "admin.token: must have at least 16 characters"],
    [{ port: 9180 }, "admin: has the port where clients come: give another one"],
    [{ admin: { prot: 1 } }, "admin.prot: is not an option: did you mean port?"],
    [{ tls: { cert: "a" } }, "tls.key: is missing"],
    [{ hedge: true }, "hedge: must be an object"],
    [{ disk: { path: "/var/cache/ami" } }, "disk.size: is missing"],
    [{ live: { prefetch: 1 } }, "live.prefetch: must be true or false"],
    [{ live: { cmcdReports: {} } }, "live.cmcdReports.path: is missing"],
    [{ live: { cmcdReports: { path: "cmcd" } } }, "live.cmcdReports.path: must start with /, without a query"],
    [{ live: { cmsdd: true } }, "live.cmsdd: is not an option: did you mean cmsd?"],
    [
      { guard: { connections: { perAdress: 1, perAddress: 2 } } },
      "guard.connections.perAdress: is not an option: did you mean perAddress?",
    ],
    [
      { guard: { connections: { perAddress: 0 } } },
      "guard.connections.perAddress: must be a whole number from 1 to 1000000",
    ],
    [{ steering: { path: "/s", pathways: [] } }, "steering.pathways: give one pathway or more"],
    [
      { steering: { path: "/.ami/s", pathways: [{ id: "a" }] } },
      "steering.path: must not be below /.ami/, where edges talk to each other",
    ],
    [
      { steering: { path: "/s", pathways: [{ id: "a", healthUrl: "a:9180" }] } },
      'steering.pathways[0].healthUrl: "a:9180" is no http(s)://host[:port] URL',
    ],
    [
      { steering: { path: "/s", pathways: [{ id: "a" }] }, live: { cmcdReports: { path: "/s" } } },
      "steering.path: is the path of live.cmcdReports: give another one",
    ],
    [{ purge: { self: "a", peers: [], secret: "short" } }, "purge.secret: must have at least 16 characters"],
  ])("%j is told in a line", (fields, line) => expect(problemsOf(fields)).toEqual([line]));

  test("gets a line for each thing that is wrong", () => {
    expect(problemsOf({ port: -1, memory: "x", guard: { rateLimits: [{ rate: 0 }] } })).toEqual([
      "port: must be a whole number from 0 to 65535",
      'memory: "x" is no size: write it like 512MiB, 1GiB or 200GB',
      "guard.rateLimits[0].rate: must be a number above zero",
    ]);
  });

  test("gets a line for each option that there is not, and then for what is wrong with the others", () => {
    const config = {
      prot: 80,
      xyzzyx: 1,
      upstreams: ["http://a", { url: "http://b", wieght: 1, bar: 2 }],
      memory: "x",
    };
    expect([...(checkConfig(config).problems ?? [])].sort()).toEqual([
      'memory: "x" is no size: write it like 512MiB, 1GiB or 200GB',
      "prot: is not an option: did you mean port?",
      "upstreams[1].bar: is not an option",
      "upstreams[1].wieght: is not an option: did you mean weight?",
      "xyzzyx: is not an option",
    ]);
    expect(config).toHaveProperty("prot");
  });

  test.each([null, 7, "http://origin", [[]]])("that is %j is none", (config) => {
    expect(checkConfig(config).problems).toEqual(["the config must be an object"]);
  });
});
