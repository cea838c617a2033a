/** Several processes of one edge, as clients and operators see them: as one cache. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { PeerRing } from "../edge/peers/peer-ring.ts";
import { asking, fresh, type ServingProgram, serving } from "./edge-program.test-peer.ts";
import { freePort, program, startOrigin } from "./program.test-setup.ts";

const KEPT = { "cache-control": "max-age=3600", "surrogate-key": "all", etag: '"1"' };

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "ami-edge-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Asks over new connections until every process has been asked, `times` at least. */
async function askAll<Answer>(edge: ServingProgram, ask: () => Promise<Answer>, times = 1): Promise<Answer[]> {
  const counts = async () =>
    new Map((await edge.stats()).processes.map(({ pid, requests }) => [pid, requests.requests]));
  const before = await counts();
  const answers: Answer[] = [];
  for (;;) {
    answers.push(...(await Promise.all(Array.from({ length: Math.max(6, times) }, ask))));
    const now = await counts();
    if ([...now].every(([pid, count]) => count > (before.get(pid) ?? 0))) return answers;
  }
}

test("objects live once: the origin is asked once for each, whichever process is asked", async () => {
  let version = 1;
  const origin = await startOrigin(({ method, url }) => {
    if (method === "POST") version += 1;
    const headers = { ...KEPT, "content-location": new URL(url).pathname.replace("change", "film") };
    return new Response(`version ${version}`, { headers });
  });
  const edge = await serving(["--upstream", origin.url, "--processes", "3"]);
  const paths = Array.from({ length: 60 }, (_, index) => `/film/${index}`);
  let asked = 0;
  for (let times = 0; times < 6; times += 1) {
    const answers = await Promise.all(paths.map((path) => fresh(edge.url + path)));
    asked += answers.length;
    for (const { status, headers } of answers) {
      expect(status).toBe(200);
      expect(headers["x-ami-peer"]).toBeUndefined();
      expect(headers["surrogate-key"]).toBeUndefined();
      // To clients all processes are one cache.
      expect(headers.via).toBe("1.1 ami-edge");
      expect(headers["cache-status"]).toMatch(
        times === 0 ? /^ami-edge; fwd=uri-miss; [^,]*$/ : /^ami-edge; hit; [^,]*$/,
      );
    }
  }
  expect(paths.filter((path) => origin.asked.get(path) !== 1)).toEqual([]);

  const { total, processes } = await edge.stats();
  expect(Math.min(...processes.map(({ edge }) => edge.entries))).toBeGreaterThan(5);
  expect(total.edge).toMatchObject({ requests: asked, misses: 60, hits: asked - 60, upstreamRequests: 60, errors: 0 });
  expect(total.requests).toMatchObject({ requests: asked, byOutcome: { hit: asked - 60, miss: 60 } });
  expect(total.edge.peerRequests).toBeGreaterThan(60);
  expect(total.edge.bytesFromPeers).toBe(total.edge.bytesToPeers);
  const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
  expect(metrics).toMatch(/^ami_edge_requests_total\{.*outcome="hit".*\} 300$/m);
  expect(metrics).toMatch(
    new RegExp(`^ami_edge_peer_requests_total\\{.*outcome="hit".*\\} ${total.edge.peerHits}$`, "m"),
  );

  // What one process sees change, none serves as it was.
  await fresh(`${edge.url}/change/7`, { method: "POST" });
  const changed = await askAll(edge, () => fresh(`${edge.url}/film/7`));
  expect(new Set(changed.map(({ body }) => body))).toEqual(new Set(["version 2"]));
  expect(origin.asked.get("/film/7")).toBe(2);
});

test("a live part comes through all processes at once, and goes on where the one that asked for it dies", async () => {
  const finishing: (() => void)[] = [];
  const origin = await startOrigin(({ url }) => {
    if (!url.endsWith("/part.m4s")) return new Response("other", { headers: KEPT });
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Buffer.from("first "));
        finishing.push(() => {
          controller.enqueue(Buffer.from("last"));
          controller.close();
        });
      },
      // The one who asked first dies.
      cancel: () => void finishing.shift(),
    });
    return new Response(body, { headers: { "cache-control": "max-age=60, immutable" } });
  });
  const edge = await serving(["--upstream", origin.url, "--processes", "3"]);
  const watching: Promise<string>[] = [];
  const inFlight = async () => (await edge.stats()).processes.map(({ requests }) => requests.inFlight);
  while ((await inFlight()).includes(0)) {
    watching.push(
      fresh(`${edge.url}/part.m4s`).then(
        ({ body }) => body,
        () => "broken off",
      ),
    );
  }
  expect(origin.asked.get("/part.m4s")).toBe(1);

  const sum = (counts: readonly number[]): number => counts.reduce((all, each) => all + each);
  await expect.poll(async () => sum(await inFlight())).toBe(watching.length);
  const owner = new PeerRing(["process-0", "process-1", "process-2"]).owner("/part.m4s");
  const lost = (await inFlight())[owner]!;
  const clients = asking(`${edge.url}/other`, 4, { keepAlive: false });
  process.kill((await edge.stats()).processes[owner]!.pid, "SIGKILL");
  await expect.poll(() => origin.asked.get("/part.m4s")).toBe(2);
  for (const finish of finishing) finish();
  const bodies = await Promise.all(watching);
  expect(bodies.filter((body) => body === "broken off")).toHaveLength(lost);
  expect(bodies.filter((body) => body === "first last")).toHaveLength(bodies.length - lost);
  await expect.poll(async () => (await edge.stats()).processes.length, { timeout: 20_000 }).toBe(3);
  const { answers, failures } = await clients.stop();
  // Connections that the dead process had, and nothing else.
  expect(failures.filter((failure) => failure.startsWith("status"))).toEqual([]);
  expect(failures.length).toBeLessThanOrEqual(4);
  expect(answers).toBeGreaterThan(20);
});

test("nothing purged is served by any process of an edge in a network, whichever is killed and comes back to its disk", async () => {
  let version = 0;
  const origin = await startOrigin(() => new Response(String(version), { headers: KEPT }));
  const path = await folder();
  const ports = [await freePort(), await freePort()];
  const peers = ports.map((port, index) => ({ name: `edge-${index}`, url: `http://127.0.0.1:${port}` }));
  const config = (index: number) => ({
    ...{
      upstreams: [origin.url],
      port: ports[index]!,
      purge: { self: `edge-${index}`, peers, secret: "of the two alone" },
    },
  });
  const file = join(path, "edge.config.json");
  await writeFile(
    file,
    JSON.stringify({ ...config(0), processes: 3, disk: { path: join(path, "disk"), size: "64MiB" } }),
  );
  const [edge, other] = await Promise.all([
    serving(["--config", file, "--port", String(ports[0])]),
    program(config(1)),
  ]);
  const paths = Array.from({ length: 20 }, (_, index) => `${edge.url}/${index}`);
  const ask = async (): Promise<number[]> => {
    const answers = await Promise.all(paths.map((url) => fresh(url)));
    return answers.map(({ body }) => Number(body));
  };
  // Each is on the disk of the process that holds it.
  await expect.poll(async () => (await ask()) && (await edge.stats()).total.disk?.entries).toBe(20);
  process.kill((await edge.stats()).processes[1]!.pid, "SIGKILL");
  version += 1;
  // Asked of the other edge, or of this one.
  const purged = await fetch(`${other.adminUrl}/purge`, { method: "POST", body: '{ "tags": ["all"] }' });
  expect(await purged.json()).toMatchObject({ edges: { "edge-0": "purged", "edge-1": "purged" } });
  // From before that process is back until after.
  for (let isBack = false; !isBack; ) {
    isBack = (await edge.stats()).processes.length === 3;
    for (const answer of await ask()) expect(answer).toBe(version);
  }
  version += 1;
  const again = await fetch(`${edge.admin}/purge`, { method: "POST", body: '{ "prefixes": ["/"] }' });
  expect(await again.json()).toMatchObject({ edges: { "edge-0": "purged", "edge-1": "purged" } });
  for (const answer of await ask()) expect(answer).toBe(version);
});

test("what one process saw change, one that is killed before it hears of it does not serve from its disk", async () => {
  let version = 1;
  const origin = await startOrigin(({ method, url }) => {
    if (method === "POST") version += 1;
    const headers = { ...KEPT, "content-location": new URL(url).pathname.replace("change", "film") };
    return new Response(`version ${version}`, { headers });
  });
  const disk = `${join(await folder(), "disk")}:64MiB`;
  const edge = await serving(["--upstream", origin.url, "--processes", "3", "--disk", disk]);
  const ring = new PeerRing(["process-0", "process-1", "process-2"]);
  const at = Array.from({ length: 100 }, (_, turn) => turn).find((turn) => ring.owner(`/film/${turn}`) === 1);
  await expect
    .poll(async () => (await fresh(`${edge.url}/film/${at}`)) && (await edge.stats()).total.disk?.entries)
    .toBe(1);
  const { pid } = (await edge.stats()).processes[1]!;
  process.kill(pid, "SIGSTOP");
  // Some of the connections are for the one that hangs.
  const changing = Array.from({ length: 8 }, () => fresh(`${edge.url}/change/${at}`, { method: "POST" }));
  await expect.poll(() => version).toBeGreaterThan(1);
  process.kill(pid, "SIGKILL");
  await Promise.allSettled(changing);
  await expect.poll(async () => (await edge.stats()).processes.length, { timeout: 20_000 }).toBe(3);
  const changed = await askAll(edge, () => fresh(`${edge.url}/film/${at}`));
  expect(new Set(changed.map(({ body }) => body))).toEqual(new Set([`version ${version}`]));
});
