/** Ten edges over real HTTP, with cables pulled and processes ended while they purge: nothing purged is served after the answer. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startEdges, type TestEdge, until } from "./edges.test-setup.ts";
import { createPurges } from "./purges.ts";

const LEASE = 1000;

interface Stored {
  readonly version: number;
  readonly generation: number;
}

/** What all edges hold, and what may still be served of it. */
class World {
  readonly versions = new Map<string, number>();
  readonly promised = new Map<string, number>();
  readonly caches = new Map<string, Map<string, Stored>>();
  readonly edges: readonly TestEdge[];
  looks = 0;

  constructor(edges: readonly TestEdge[], keys: readonly string[]) {
    this.edges = edges;
    for (const key of keys) this.versions.set(key, 1);
    for (const { name } of edges) this.caches.set(name, new Map());
    for (const edge of edges) for (const key of keys) this.fill(edge, key);
  }

  /** From another edge, where that may; else from the origin. */
  fill(edge: TestEdge, key: string, from?: TestEdge): void {
    const { generation, seen } = edge.purges;
    const there = from !== undefined && this.mayServe(from, key) && from.purges.covers(seen);
    const version = there ? this.caches.get(from.name)!.get(key)!.version : this.versions.get(key)!;
    this.caches.get(edge.name)!.set(key, { version, generation });
  }

  mayServe({ name, purges }: TestEdge, key: string): boolean {
    const stored = this.caches.get(name)!.get(key);
    if (stored === undefined || !purges.mayServe()) return false;
    return purges.judge({ key, tags: [], generation: stored.generation }) === "kept";
  }

  /** A new version at the origin, and a purge of the old ones. @returns how many edges were cut off. */
  async change(edge: TestEdge, key: string): Promise<number> {
    const version = this.versions.get(key)! + 1;
    this.versions.set(key, version);
    const { edges } = await edge.purges.purge({ urls: [key] });
    this.promised.set(key, Math.max(version, this.promised.get(key) ?? 1));
    this.check();
    return Object.values(edges).filter((standing) => standing === "cut-off").length;
  }

  check(): void {
    for (const edge of this.edges) {
      for (const [key, { version }] of this.caches.get(edge.name)!) {
        if (!this.mayServe(edge, key)) continue;
        this.looks += 1;
        if (version < (this.promised.get(key) ?? 1)) {
          throw new Error(`${edge.name} serves version ${version} of ${key}, which was purged everywhere`);
        }
      }
    }
  }
}

async function tenEdges(leaseMs = LEASE): Promise<{ world: World } & Awaited<ReturnType<typeof startEdges>>> {
  const network = await startEdges(10, { leaseMs });
  const { edges } = network;
  const areAllInContact = ({ purges }: TestEdge): boolean =>
    purges.mayServe() && Object.values(purges.status.edges).every(({ weMayServe }) => weMayServe);
  await until(() => edges.every(areAllInContact));
  return { ...network, world: new World(edges, ["/a", "/b", "/c", "/d"]) };
}

test("with all up, a purge asked of any of ten edges is at all of them", async () => {
  // No stall of the machine that this runs on is to look like a pulled cable.
  const { edges, world } = await tenEdges(10_000);
  for (const edge of edges) expect(await world.change(edge, "/a")).toBe(0);
  expect(world.looks).toBeGreaterThan(0);
});

test("an edge behind a pulled cable serves nothing purged, and catches up before it serves from its cache again", async () => {
  const { edges, world, cut, heal } = await tenEdges();
  const [lone, other] = [edges[9]!, edges[0]!];
  cut([lone.name]);
  const purge = world.change(other, "/a");
  const watch = setInterval(() => world.check(), 1);
  expect(await purge).toBe(1);
  expect(lone.purges.mayServe()).toBe(false);
  expect(other.purges.mayServe()).toBe(true);
  heal();
  await until(() => lone.purges.mayServe());
  expect(world.mayServe(lone, "/a")).toBe(false);
  expect(world.mayServe(lone, "/b")).toBe(true);
  await world.change(other, "/b");
  clearInterval(watch);
});

test("an edge that was down while others purged has it before it serves what is on its disk", async () => {
  const { edges, world } = await tenEdges();
  const [restarted, other] = [edges[5]!, edges[0]!];
  await restarted.stop();
  expect(await world.change(other, "/a")).toBe(1);
  await restarted.start();
  expect(restarted.purges.mayServe()).toBe(false);
  await until(() => restarted.purges.mayServe());
  expect(world.mayServe(restarted, "/a")).toBe(false);
  expect(world.mayServe(restarted, "/b")).toBe(true);
  world.check();
});

test("an edge that lost its journal serves nothing of its disk any more", async () => {
  const { edges, world } = await tenEdges();
  await edges[5]!.stop();
  await edges[5]!.start(true);
  await until(() => edges[5]!.purges.mayServe());
  expect(world.mayServe(edges[5]!, "/b")).toBe(false);
  expect(await world.change(edges[5]!, "/a")).toBe(0);
});

test("twenty seconds of purges, pulled cables and restarts, and nothing purged is served after the answer", async () => {
  const { edges, world, cut, heal } = await tenEdges();
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(Math.random() * values.length)]!;
  const down = new Set<TestEdge>();
  const keys = [...world.versions.keys()];
  let failure: unknown;
  let done = 0;
  const check = (): void => {
    try {
      world.check();
    } catch (error) {
      failure ??= error;
    }
  };
  const watch = setInterval(check, 1);
  const pending: Promise<void>[] = [];
  const end = performance.now() + 20_000;
  while (performance.now() < end && failure === undefined) {
    const dice = Math.random();
    const edge = pick(edges.filter((each) => !down.has(each)));
    if (dice < 0.5) {
      const purge = world.change(edge, pick(keys)).then(
        () => {
          done += 1;
        },
        (error: { code?: string }) => {
          if (!["PURGE_INCOMPLETE", "CLOSED", "PURGE_UNAVAILABLE"].includes(error.code ?? "")) failure ??= error;
        },
      );
      pending.push(purge);
    } else if (dice < 0.9) world.fill(edge, pick(keys), pick(edges));
    else if (dice < 0.92) cut(edges.filter(() => Math.random() < 0.2).map(({ name }) => name));
    else if (dice < 0.94) heal();
    else if (dice < 0.96 && down.size < 2) {
      down.add(edge);
      pending.push(
        edge
          .stop()
          .then(() => new Promise((resolve) => setTimeout(resolve, Math.random() * 1.5 * LEASE)))
          .then(() => edge.start())
          .then(() => void down.delete(edge)),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
  }
  heal();
  await Promise.all(pending);
  await until(() => edges.every(({ purges }) => purges.mayServe()));
  clearInterval(watch);
  check();
  expect(failure).toBeUndefined();
  expect(done).toBeGreaterThan(20);
  expect(world.looks).toBeGreaterThan(1000);
  expect(await world.change(edges[0]!, "/a")).toBe(0);
});

test("what was acknowledged before a process was killed is purged after it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "purges-killed-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const entry = fileURLToPath(new URL("killed-purger.test-peer.ts", import.meta.url));
  const generations: number[] = [];
  let acknowledged = 0;
  for (let life = 0; life < 3; life += 1) {
    const child = spawn(process.execPath, ["--no-warnings", entry, folder], { stdio: ["ignore", "pipe", "inherit"] });
    // Until it is gone for good, the folder is its.
    const gone = once(child, "exit");
    const lines: number[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(Number(line));
      if (lines.length === 300) child.kill("SIGKILL");
    }
    await gone;
    generations.push(lines[0]!);
    acknowledged = lines.at(-1)!;
  }
  const purges = await createPurges({ folder });
  onTestFinished(() => purges.close());
  for (let at = 0; at <= acknowledged; at += 1) {
    // Of each life: what was filled before its first purge.
    for (const generation of generations) expect(purges.judge({ key: `/${at}`, tags: [], generation })).toBe("hard");
  }
  expect(purges.judge({ key: "/kept", tags: [], generation: generations[0]! })).toBe("kept");
});
