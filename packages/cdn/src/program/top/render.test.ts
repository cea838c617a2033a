import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ProgramReport, reportOf } from "../admin/program-report.ts";
import type { ProcessReport } from "../processes/edge-process.ts";
import { renderTop } from "./render.ts";

function processReport(fields: Partial<ProcessReport> = {}): ProcessReport {
  return {
    pid: 1,
    index: 0,
    uptime: 1000,
    rss: 120 * 2 ** 20,
    utilization: 0.25,
    load: 0.25,
    connections: 40,
    draining: false,
    memory: 2 ** 30,
    disk: null,
    edge: { bytes: 2 ** 29, entries: 12_345, fills: 2, bytesFromUpstream: 1e6 } as ProcessReport["edge"],
    upstreams: [
      {
        name: "http://origin:8081",
        requests: 100,
        failures: { UPSTREAM_TIMEOUT: 1, "503": 1 },
        retries: 0,
        hedges: 0,
        hedgesWon: 0,
        hedgesLost: 0,
        inFlight: 3,
        healthy: true,
        circuit: "closed",
        headP50: 4.25,
        reachable: false,
        headP95: 31.7,
      },
    ],
    requests: {
      requests: 1000,
      bytes: 1e8,
      byOutcome: { hit: 900, miss: 100 },
      byStatus: { "2xx": 1000 },
      inFlight: 7,
    },
    paths: [{ path: "/live/demo/720p/index.m3u8", requests: 320 }],
    log: null,
    ...fields,
  };
}

const facts = {
  name: "edge",
  version: "1.2.3",
  url: "http://localhost:8080",
  uptime: 7_500_000,
  draining: false,
  processes: 1,
  restarts: 0,
  reloads: { done: 0, failed: 0, error: null },
  purge: null,
};

const before = reportOf(facts, [processReport()]);
const now = reportOf(facts, [
  processReport({
    edge: { ...processReport().edge, bytesFromUpstream: 2e6 },
    requests: { requests: 3000, bytes: 2e8, byOutcome: { hit: 2800, miss: 150, error: 50 }, byStatus: {}, inFlight: 7 },
    upstreams: [{ ...processReport().upstreams[0]!, requests: 300, failures: { "503": 4 }, healthy: false }],
  }),
]);

const show = (frame: Partial<Parameters<typeof renderTop>[0]> = {}): string[] =>
  renderTop({ before, now, elapsed: 2000, columns: 80, rows: 50, colors: false, ...frame });

describe("top", () => {
  test("shows what happened each second since the look before", () => {
    expect(show().join("\n")).toBe(`edge 1.2.3 at http://localhost:8080, up 2 h 5 min: no upstream can be reached
requests   1,000/s, 95.0 % from the cache, 7 under way, 40 connections
bytes      400 Mb/s to clients, 4.0 Mb/s from upstreams
memory     ##########·········· 512 MiB of 1 GiB, 12,345 objects, 2 arriving
processes  1, busy 25.0 %, 120 MiB

outcome          requests/s    share
hit                     950   95.0 % #############################
miss                     25    2.5 % #
error                    25    2.5 % #

upstream                      state         req/s  fail/s   open  p50 ms  p95 ms
http://origin:8081            ill             100       1      3     4.3      32

asked for most                                                            lately
/live/demo/720p/index.m3u8                                                   320`);
  });

  test("without a look before shows what there is, and no rates", () => {
    const [, requests] = show({ before: undefined, elapsed: 0 });
    expect(requests).toBe("requests   0/s, 93.3 % from the cache, 7 under way, 40 connections");
  });

  test("shows no outcome that there has not been", () => {
    const idle = reportOf(facts, [
      processReport({
        requests: { requests: 0, bytes: 0, byOutcome: { hit: 0, miss: 0 }, byStatus: {}, inFlight: 0 },
      }),
    ]);
    expect(show({ before: undefined, now: idle }).join("\n")).not.toContain("outcome");
  });

  test("never shows a rate below zero when a process was started anew", () => {
    expect(show({ before: now, now: before }).join("\n")).not.toMatch(/-\d/);
  });

  test("shows a disk, restarts, dropped lines and a config that is wrong, where there are such", () => {
    const troubled = reportOf(
      { ...facts, restarts: 2, reloads: { done: 0, failed: 1, error: "port: must be a number" } },
      [
        processReport({
          disk: { bytes: 150e9, maxBytes: 200e9, entries: 5, failed: "ENOSPC" },
          log: { lines: 5000, dropped: 17 },
        }),
      ],
    );
    expect(show({ now: troubled }).slice(4, 8)).toEqual([
      "disk       ###############····· 140 GiB of 186 GiB, 5 objects, ENOSPC",
      "processes  1, busy 25.0 %, 120 MiB, 2 restarted",
      "log        17 of 5,000 lines were dropped",
      "config     port: must be a number",
    ]);
  });

  test("shows how it stands with the edges that it purges together with", () => {
    const apart = { weMayServe: false, itMayServe: false };
    const purge = { self: "a", generation: 1, entries: 0, recovering: false, edges: { b: apart } };
    const line = (trusted: boolean) =>
      show({ now: { ...now, purge: { ...purge, trusted } } }).find((text) => text.startsWith("purge"));
    expect(line(false)).toBe("purge      in contact with 0 of 1 edges: an upstream is asked before every hit");
    expect(line(true)).toBe("purge      in contact with 0 of 1 edges, not with b");
  });

  test("shows what processes ask each other, apart from what clients do", () => {
    const edge = (peerRequests: number, bytesToPeers: number) => ({
      ...processReport().edge,
      peerRequests,
      bytesToPeers,
    });
    const two = (peerRequests: number, bytesToPeers: number) =>
      reportOf(facts, [processReport({ edge: edge(peerRequests, bytesToPeers) }), processReport({ edge: edge(0, 0) })]);
    const lines = show({ before: two(100, 0), now: two(500, 1e6) });
    expect(lines[1]).toMatch(/^requests {3}0\/s/);
    expect(lines[4]).toBe("between    200/s from process to process, 4.0 Mb/s");
  });

  test("has no colours unless they are wanted, and the same text with them", () => {
    const plain = show();
    const painted = show({ colors: true });
    expect(plain.join("")).not.toContain("\x1b");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are such.
    expect(painted.map((line) => line.replace(/\x1b\[\d*m/g, ""))).toEqual(plain);
    expect(painted.join("")).toContain("\x1b[31mill\x1b[0m");
  });

  test("is as wide and as high as its terminal, whatever there is to show, and sends it nothing else", () => {
    const name = fc.string({ unit: "binary", maxLength: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 200 }),
        fc.integer({ min: 1, max: 60 }),
        name,
        name,
        (columns, rows, upstream, path) => {
          const report: ProgramReport = {
            ...now,
            upstreams: [{ ...now.upstreams[0]!, name: upstream }],
            paths: Array.from({ length: 20 }, () => ({ path, requests: 1 })),
          };
          const lines = show({ now: report, columns, rows, colors: true });
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) {
            // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
            const text = line.replace(/\x1b\[(?:[0-3]?\d)?m/g, "");
            // biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
            expect(text).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
            expect(text.length).toBeLessThanOrEqual(Math.max(columns, 53));
          }
        },
      ),
    );
  });
});
