/** The command that a person starts with, as they run it. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { DemoAddresses } from "@ami-streams/example-demo";
import { checkAuthoring, formatViolations, parsePlaylist } from "@ami-streams/media";
import { footage, peer } from "@ami-streams/testing";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { build } from "./lib/built.ts";
import { follow, multivariant } from "./lib/playlist.ts";
import { testPicture } from "./lib/publisher.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const start = fileURLToPath(new URL("../scripts/start.mjs", import.meta.url));

// Once, so that no test waits for it.
beforeAll(build, 240_000);

describe("npm start", () => {
  test("--json prints one line once frames are served, and nothing else", async ({ signal }) => {
    await using demo = await run(["--json"]);
    const { rtmp, origin, edges, page, streams } = await demo.addresses;
    expect(rtmp).toMatch(/^rtmp:\/\/127\.0\.0\.1:\d+\/live$/);
    expect(edges).toHaveLength(2);
    expect(streams).toEqual([{ key: "demo", hls: "/live/demo/index.m3u8", dash: "/live/demo/index.mpd" }]);
    for (const server of [origin, ...edges]) {
      const master = await multivariant(server + streams[0]!.hls, signal);
      const uri = master.playlist.variants[0]!.uri;
      const media = await (await fetch(new URL(uri, server + streams[0]!.hls))).text();
      const playlist = parsePlaylist(media);
      expect(
        playlist.type === "media" && playlist.segments.length + (playlist.openSegment?.parts.length ?? 0),
      ).toBeGreaterThan(0);
      expect((await fetch(server + streams[0]!.dash)).headers.get("content-type")).toBe("application/dash+xml");
    }
    expect(await (await fetch(page)).text()).toContain("<ami-player");
    await demo.stop("SIGTERM");
    expect(demo.stdout()).toMatch(/^\{.*\}\n$/);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s ends everything within three seconds, with no process left",
    async (signal) => {
      await using demo = await run(["--json"]);
      await demo.addresses;
      const family = await descendants(demo.pid);
      expect(family.length).toBeGreaterThan(1);
      const began = performance.now();
      await demo.stop(signal);
      // The issue's own limit, not a benchmark: a deployment tool kills after it.
      expect(performance.now() - began).toBeLessThan(3000);
      expect(family.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    },
  );

  test.each(["SIGINT", "SIGTERM"] as const)("%s ends everything while it still starts, too", async (signal) => {
    await using demo = await run(["--json"]);
    const family = await vi.waitUntil(
      async () => {
        const found = await descendants(demo.pid);
        return found.length > 1 && found;
      },
      { timeout: 20_000, interval: 20 },
    );
    const began = performance.now();
    await demo.stop(signal);
    // What it had begun to start dies with its pipes.
    await vi.waitUntil(() => !family.some((pid) => existsSync(`/proc/${pid}`)), { timeout: 3000, interval: 20 });
    expect(performance.now() - began).toBeLessThan(3000);
    expect(demo.stdout()).toBe("");
  });

  test.each([
    ["RTMP", 0],
    ["the page", 1],
    ["the origin", 2],
    ["the first edge", 3],
    ["the second edge", 4],
  ])("a taken port of %s is an error that names it", async (_, offset) => {
    const base = await freePorts();
    const squatter = createServer();
    squatter.listen(base + offset, "127.0.0.1");
    await once(squatter, "listening");
    try {
      await using demo = await run(["--json", "--no-source"], base);
      expect(await demo.ended).toBe(1);
      expect(demo.stderr()).toMatch(new RegExp(`^✗ .*\\b${base + offset}\\b.*\\n$`, "m"));
      expect(
        demo
          .stderr()
          .trim()
          .split("\n")
          .filter((line) => !/^(•| )/.test(line)),
      ).toHaveLength(1);
      expect(demo.stdout()).toBe("");
    } finally {
      squatter.close();
    }
  });

  test("--no-source publishes nothing", async () => {
    await using demo = await run(["--json", "--no-source"]);
    const { streams, edges } = await demo.addresses;
    expect(streams).toEqual([]);
    expect(await (await fetch(`${edges[0]}/live.json`)).json()).toEqual({ streams: [] });
  });

  test.skipIf(footage("h264-1080p25-bframes-aac48.mp4") === null && peer("ffmpeg") === null)(
    "--input loops a file, and its seam is a boundary that players survive",
    async ({ signal, onTestFinished }) => {
      const folder = await mkdtemp(join(tmpdir(), "input-"));
      onTestFinished(() => rm(folder, { recursive: true }));
      const input = footage("h264-1080p25-bframes-aac48.mp4") ?? (await fiveSeconds(join(folder, "input.mp4")));
      await using demo = await run(["--json", "--encoder", "none", "--input", input]);
      const { edges, streams } = await demo.addresses;
      const url = edges[0]! + streams[0]!.hls;
      const { playlist } = await multivariant(url, signal);
      const media = new URL(playlist.variants[0]!.uri, url).href;
      let duration = 0;
      for await (const version of follow(media, signal)) {
        expect(formatViolations(checkAuthoring(version.playlist))).toBe("no violations\n");
        duration = Math.max(
          duration,
          version.playlist.mediaSequence * 2 +
            version.playlist.segments.reduce((sum, segment) => sum + segment.duration, 0),
        );
        // The file is five seconds long.
        if (duration > 9) break;
      }
    },
  );

  test("a file that is not there is an error that names it", async () => {
    await using demo = await run(["--json", "--input", "no-such-file.mp4"]);
    expect(await demo.ended).toBe(1);
    expect(demo.stderr()).toContain("no-such-file.mp4");
  });

  test("ends with whoever started it, even if that is killed", async () => {
    const args = ["demo", "--json", "--no-source", "--port-base", String(await freePorts())];
    // As npm does it: a shell in between, which passes no signal on.
    const command = `"${process.execPath}" "${start}" ${args.join(" ")}; true`;
    const shell = spawn("sh", ["-c", command], { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
    await once(shell.stdout, "data");
    const family = await descendants(shell.pid!);
    expect(family.length).toBeGreaterThan(2);
    const closed = once(shell.stdout, "close");
    shell.kill("SIGKILL");
    // The pipe closes when the last process that holds it is gone: nobody stays behind.
    await closed;
  });

  test("--help lists every option", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [start, "demo", "--help"], { cwd: root });
    for (const option of ["--input", "--no-source", "--port-base", "--json", "--encoder"])
      expect(stdout).toContain(option);
  });
});

/** As real footage: B-frames, and sound that ends at another time than the picture. */
async function fiveSeconds(path: string): Promise<string> {
  const length = ["-t", "5", "-y", path];
  await promisify(execFile)(peer("ffmpeg")!, [...testPicture({ gop: 25, bframes: 2 }), ...length]);
  return path;
}

interface Run extends AsyncDisposable {
  readonly pid: number;
  readonly addresses: Promise<DemoAddresses>;
  readonly ended: Promise<number | string>;
  stdout(): string;
  stderr(): string;
  stop(signal: NodeJS.Signals): Promise<void>;
}

async function run(args: readonly string[], portBase?: number): Promise<Run> {
  const base = portBase ?? (await freePorts());
  const child: ChildProcess = spawn(process.execPath, [start, "demo", "--port-base", String(base), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const addresses = new Promise<DemoAddresses>((resolve, reject) => {
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (stdout.includes("\n")) resolve(JSON.parse(stdout) as DemoAddresses);
    });
    ended.then((code) => reject(new Error(`ended with ${code}: ${stderr}`)));
  });
  addresses.catch(() => undefined);
  return {
    pid: child.pid!,
    addresses,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    async stop(signal) {
      child.kill(signal);
      await ended;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.kill("SIGTERM");
      await ended;
    },
  };
}

/** The first of five ports in a row that nobody listens on just now. */
async function freePorts(): Promise<number> {
  for (;;) {
    const base = 20_000 + Math.floor(Math.random() * 10_000);
    const free = await Promise.all([0, 1, 2, 3, 4].map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function descendants(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "pid=,ppid="]);
  const parents = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const family = [pid];
  for (let i = 0; i < family.length; i++) {
    for (const [child, parent] of parents) if (parent === family[i]) family.push(child);
  }
  return family;
}
