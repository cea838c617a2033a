/** Edge behind edge: a live stream through two tiers to many viewers, over real connections. */

import { expect, onTestFinished, test } from "vitest";
import { createServer } from "../../server/server.ts";
import { serveEdge } from "../edge.test-setup.ts";
import type { Edge } from "../edge.ts";
import { readPlaylist } from "./live-rules.ts";
import { createPrefetcher } from "./prefetch.ts";
import { ScriptedOrigin } from "./scripted-origin.test-peer.ts";

const EDGES = 3;
const VIEWERS_PER_EDGE = 30;

interface Tiers {
  readonly origin: ScriptedOrigin;
  readonly shield: Edge;
  readonly edges: readonly { readonly edge: Edge; readonly url: string }[];
}

/** Origin, one shield, edges behind it. */
async function tiers(count = EDGES): Promise<Tiers> {
  const origin = new ScriptedOrigin();
  const server = await createServer({ handler: origin.handle, port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  const cache = { ignoreParams: ["token", "session"] };
  const shield = await serveEdge({ upstreams: [server.url], name: "shield", cache });
  const edges = await Promise.all(
    Array.from({ length: count }, (_, n) => serveEdge({ upstreams: [shield.url], name: `edge-${n}`, cache })),
  );
  return { origin, shield: shield.edge, edges };
}

/** A reload of the playlist as this viewer's player writes it: order, session and CMCD are its own. */
function reload(msn: number, part: number, viewer: number): string {
  const params = [`_HLS_msn=${msn}`, `_HLS_part=${part}`, `token=t${viewer}`, `CMCD=sid%3D%22s${viewer}%22`];
  const turned = [...params.slice(viewer % 4), ...params.slice(0, viewer % 4)];
  return `/live/index.m3u8?${turned.join("&")}`;
}

async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read();
  return Buffer.from(value!).toString();
}

test("each object is asked for once at each tier, and each chunk reaches every viewer before the next is made", async () => {
  const { origin, shield, edges } = await tiers();
  const viewers = edges.flatMap(({ url }) => Array<string>(VIEWERS_PER_EDGE).fill(url));
  const parts = 6;
  for (let part = 0; part < parts; part += 1) {
    const msn = Math.floor(part / 4);
    const playlists = viewers.map((url, viewer) => fetch(url + reload(msn, part % 4, viewer)));
    const responses = viewers.map((url, viewer) => fetch(`${url}/live/p${part}.m4s?session=${viewer}`));
    // What fails is seen where it is awaited.
    for (const each of [...playlists, ...responses]) each.catch(() => {});
    // Everybody waits for what does not exist before it begins to.
    const asked = (part + 1) * 2 * VIEWERS_PER_EDGE;
    await expect
      .poll(() => edges.map(({ edge }) => edge.stats.requests), { timeout: 15_000 })
      .toEqual(edges.map(() => asked));
    await expect.poll(() => origin.waiting, { timeout: 15_000 }).toBe(2);
    origin.begin();
    origin.write("moof,");
    const readers = (await Promise.all(responses)).map((response) => response.body!.getReader());
    // The next chunk is made when all have the one before: none is held back anywhere on the way.
    for (const chunk of ["moof,", "mdat,", "more"]) {
      if (chunk !== "moof,") origin.write(chunk);
      expect(new Set(await Promise.all(readers.map(readChunk)))).toEqual(new Set([chunk]));
    }
    origin.end();
    for (const reader of readers) expect((await reader.read()).done).toBe(true);
    const texts = await Promise.all(playlists.map(async (playlist) => await (await playlist).text()));
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toContain(`URI="p${part + 1}.m4s"`);
  }
  expect([...origin.asked.values()]).toEqual(Array<number>(2 * parts).fill(1));
  expect([...origin.asked.keys()].sort()).toEqual(
    Array.from({ length: parts }, (_, part) => [
      `/live/index.m3u8?_HLS_msn=${Math.floor(part / 4)}&_HLS_part=${part % 4}`,
      `/live/p${part}.m4s`,
    ])
      .flat()
      .sort(),
  );
  expect(shield.stats).toMatchObject({ requests: 2 * parts * EDGES, upstreamRequests: 2 * parts, bypassed: 0 });
  for (const { edge } of edges) expect(edge.stats).toMatchObject({ upstreamRequests: 2 * parts, bypassed: 0 });
});

test("a viewer, and an edge, that join in the middle of a part get it from its beginning, and then as it grows", async () => {
  const { origin, edges } = await tiers(2);
  const [first, second] = edges;
  origin.begin();
  origin.write("one ");
  const early = (await fetch(`${first!.url}/live/p0.m4s`)).body!.getReader();
  expect(await readChunk(early)).toBe("one ");
  origin.write("two ");
  expect(await readChunk(early)).toBe("two ");
  const late = await Promise.all([first!, second!].map(({ url }) => fetch(`${url}/live/p0.m4s`)));
  const readers = late.map((response) => response.body!.getReader());
  for (const reader of readers) {
    let text = "";
    while (text.length < 8) text += await readChunk(reader);
    expect(text).toBe("one two ");
  }
  origin.write("three");
  for (const reader of [early, ...readers]) expect(await readChunk(reader)).toBe("three");
  origin.end();
  expect(origin.asked.get("/live/p0.m4s")).toBe(1);
});

test("viewers who leave take the part from nobody; when all have left, nobody asks the origin any more", async () => {
  const { origin, edges } = await tiers(2);
  const leaving = new AbortController();
  const gone = edges.map(({ url }) => fetch(`${url}/live/p0.m4s`, { signal: leaving.signal }));
  const staying = fetch(`${edges[0]!.url}/live/p0.m4s`);
  await expect.poll(() => origin.waiting).toBe(1);
  await expect.poll(() => edges.map(({ edge }) => edge.stats.requests)).toEqual([2, 1]);
  leaving.abort();
  await Promise.allSettled(gone);
  await expect.poll(() => edges[1]!.edge.stats.fills).toBe(0);
  origin.begin();
  origin.write("all of it");
  origin.end();
  expect(await (await staying).text()).toBe("all of it");
  const alone = new AbortController();
  const held = fetch(`${edges[0]!.url}${reload(9, 0, 1)}`, { signal: alone.signal });
  await expect.poll(() => origin.waiting).toBe(1);
  alone.abort();
  await expect(held).rejects.toThrow();
  await expect.poll(() => origin.waiting).toBe(0);
});

test("a part that the origin broke off is an error two tiers away, and never a hit", async () => {
  const { origin, shield, edges } = await tiers(1);
  origin.begin();
  origin.write("half a ");
  const response = await fetch(`${edges[0]!.url}/live/p0.m4s`);
  const text = response.text();
  origin.breakOff();
  await expect(text).rejects.toThrow();
  await expect.poll(() => [shield.stats.fills, edges[0]!.edge.stats.fills]).toEqual([0, 0]);
  expect([shield.stats.entries, edges[0]!.edge.stats.entries]).toEqual([0, 0]);
});

test("the edge asks for a hinted part when its playlist comes, and those who ask for it later share that request", async () => {
  const { origin, edges } = await tiers(1);
  const { edge, url } = edges[0]!;
  const prefetcher = createPrefetcher({
    keyOf: (target) => target,
    request: async ({ target }) => {
      const response = await edge.handle(new Request(`http://edge${target}`));
      return (await response.bytes()).byteLength;
    },
    clock: () => performance.now(),
  });
  origin.begin();
  origin.end();
  const key = "/live/index.m3u8?_HLS_msn=0&_HLS_part=0";
  const playlist = await fetch(url + key);
  const read = readPlaylist(key, ["content-type", playlist.headers.get("content-type")!], await playlist.bytes());
  prefetcher.answered({ key, headers: [], hls: read?.format === "hls" ? read.hls : undefined, byClient: true });
  // The origin holds it, and no viewer has asked for it yet.
  await expect.poll(() => origin.asked.get("/live/p1.m4s")).toBe(1);
  await expect.poll(() => origin.waiting).toBe(1);
  const viewers = Array.from({ length: 10 }, () => fetch(`${url}/live/p1.m4s`));
  await expect.poll(() => edge.stats.requests).toBe(12);
  origin.begin();
  origin.write("made");
  const readers = (await Promise.all(viewers)).map((response) => response.body!.getReader());
  for (const reader of readers) expect(await readChunk(reader)).toBe("made");
  origin.end();
  await expect.poll(() => prefetcher.stats).toMatchObject({ requests: 1, bytes: 4, held: 0 });
  expect(origin.asked.get("/live/p1.m4s")).toBe(1);
});
