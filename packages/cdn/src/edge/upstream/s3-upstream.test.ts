/** A bucket as an upstream, against a store that checks every signature. */

import { expect, onTestFinished, test } from "vitest";
import { upstream } from "../edge.test-setup.ts";
import { type S3Bucket, s3Listener } from "./s3-server.test-peer.ts";
import { type S3Options, s3Url } from "./s3-upstream.ts";
import { ask, listenOnSocket, send, textOf } from "./upstream.test-setup.ts";
import { createUpstreams, type Upstreams } from "./upstreams.ts";

const now = Date.UTC(2026, 5, 1, 12);
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a/secret+key" };

const OBJECTS = new Map([
  ["/media/clip/segment-1.m4s", "0123456789"],
  ["/media/a%20b/%C3%A4%2B%21%28x%29.m4s", "odd"],
  ["/media/vod/2026/film.mp4", "film"],
]);

async function bucket(settings: Partial<S3Bucket> = {}, options: Partial<S3Options> = {}) {
  const asked: { url: string | undefined; headers: NodeJS.Dict<string | string[]> }[] = [];
  const store = s3Listener({
    ...credentials,
    region: "eu-central-1",
    now: () => now,
    objects: OBJECTS,
    mayList: true,
    ...settings,
  });
  const url = await upstream((request, response) => {
    asked.push({ url: request.url, headers: request.headers });
    store(request, response);
  });
  const all: Upstreams = createUpstreams({
    upstreams: [{ url, s3: { ...credentials, region: "eu-central-1", bucket: "media", ...options } }],
    systemClock: () => now,
  });
  onTestFinished(() => all.close());
  return { all, asked };
}

test("objects are read with a signature that the store agrees with, whole and in part", async () => {
  const { all } = await bucket();
  expect(await ask(all, "/clip/segment-1.m4s")).toBe("200 0123456789");
  expect(await ask(all, "/clip/segment-1.m4s", { headers: ["range", "bytes=2-4"] })).toBe("206 234");
  const head = await send(all, "/clip/segment-1.m4s", { method: "HEAD" });
  expect([head.status, head.body]).toEqual([200, null]);
  const etag = head.headers[head.headers.indexOf("etag") + 1]!;
  expect(await ask(all, "/clip/segment-1.m4s", { headers: ["if-none-match", etag] })).toBe("304 ");
  expect(head.headers).not.toContain("server");
  expect(head.headers.some((field) => field.startsWith("x-amz-"))).toBe(false);
});

test.each(["/a%20b/%C3%A4+!(x).m4s", "/a%20b/%C3%A4%2B%21%28x%29.m4s"])(
  "%s is signed as it is sent",
  async (target) => {
    const { all } = await bucket();
    expect(await ask(all, target)).toBe("200 odd");
  },
);

test("temporary credentials send their token, and a prefix comes before each key", async () => {
  const { all } = await bucket({ sessionToken: "token/+=" }, { sessionToken: "token/+=", prefix: "/vod/2026/" });
  expect(await ask(all, "/film.mp4")).toBe("200 film");
});

test("what a client adds to ask for something else does not reach the store", async () => {
  const { all, asked } = await bucket();
  const headers = ["authorization", "Basic x", "cookie", "a=b", "x-amz-acl", "public", "via", "1.1 edge"];
  expect(await ask(all, "/clip/segment-1.m4s?acl&list-type=2", { headers })).toBe("200 0123456789");
  expect(asked[0]!.url).toBe("/media/clip/segment-1.m4s");
  for (const name of ["cookie", "x-amz-acl", "via"]) expect(asked[0]!.headers).not.toHaveProperty(name);
});

test.each(["/", "/clip/", "/../other/key", "/a%2f..%2f..%2fother", "/%E0%A4%A", "/a//b"])(
  "%s is no object: a 404 that the store is not asked for",
  async (target) => {
    const { all, asked } = await bucket();
    expect(await ask(all, target)).toBe("404 ");
    expect(asked).toEqual([]);
  },
);

test.each([
  [true, "GET"],
  [false, "GET"],
  [false, "HEAD"],
])(
  "a missing object is a 404 that names no bucket, whether the credentials may list (%s) or not: %s",
  async (mayList, method) => {
    const { all } = await bucket({ mayList });
    const response = await send(all, "/clip/segment-9.m4s", { method });
    expect([response.status, await textOf(response), response.headers]).toEqual([404, "", ["content-length", "0"]]);
  },
);

test.each<[string, Partial<S3Bucket>, Partial<S3Options>]>([
  ["another secret", { secretAccessKey: "other" }, {}],
  ["another key", { accessKeyId: "OTHER" }, {}],
  ["another region", { region: "us-east-1" }, {}],
  ["another time", { now: () => now + 3_600_000 }, {}],
  ["no such bucket", {}, { bucket: "nobody" }],
])("%s is an error of the edge's, and no 404 that somebody would believe", async (_what, settings, options) => {
  const { all } = await bucket(settings, options);
  expect(await ask(all, "/clip/segment-1.m4s")).toBe("502 ");
});

test("a store is only read", async () => {
  const { all, asked } = await bucket();
  const response = await send(all, "/clip/segment-1.m4s", { method: "DELETE" });
  expect([response.status, response.headers]).toEqual([405, expect.arrayContaining(["GET, HEAD"])]);
  expect(asked).toEqual([]);
});

test("a bucket's name goes into the path or before the host", () => {
  const endpoint = "https://s3.eu-central-1.amazonaws.com/";
  expect(s3Url(endpoint, { bucket: "media" })).toBe("https://s3.eu-central-1.amazonaws.com/media");
  expect(s3Url(endpoint, { bucket: "media", style: "virtual" })).toBe("https://media.s3.eu-central-1.amazonaws.com");
  expect(s3Url("https://media.example/", {})).toBe("https://media.example");
  expect(() => s3Url(endpoint, { bucket: "a/b" })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});

test("a bucket before the host is signed for that host", async () => {
  const objects = new Map([["/clip/segment-1.m4s", "virtual"]]);
  const store = s3Listener({ ...credentials, region: "r", now: () => now, objects, mayList: true });
  const socketPath = await listenOnSocket(store);
  const s3 = { ...credentials, region: "r", bucket: "media", style: "virtual" } as const;
  const all = createUpstreams({
    upstreams: [{ url: "http://s3.example", socketPath, s3 }],
    systemClock: () => now,
  });
  onTestFinished(() => all.close());
  expect(await ask(all, "/clip/segment-1.m4s")).toBe("200 virtual");
});
