/** What `ami-edge top` shows: lines of text from two looks at an edge. Pure. */

import type { UpstreamStats } from "../../edge/upstream/member.ts";
import { edgesOutOfContact, type ProgramReport } from "../admin/program-report.ts";
import { formatDuration, formatSize } from "../config/units.ts";
import { type Cell, type Paint, paint, table } from "./table.ts";

/** Two looks, and how they are to be shown. */
export interface Frame {
  /** The look before, where there was one: rates are what happened since. */
  readonly before: ProgramReport | undefined;
  readonly now: ProgramReport;
  /** Milliseconds between the two. */
  readonly elapsed: number;
  readonly columns: number;
  readonly rows: number;
  readonly colors: boolean;
}

const OUTCOME_COLORS: Readonly<Record<string, Paint>> = {
  hit: "green",
  stale: "yellow",
  revalidated: "green",
  collapsed: "green",
  miss: "cyan",
  bypass: "cyan",
  refused: "yellow",
  error: "red",
};
/** Answers that needed no upstream request of their own. */
const FROM_CACHE = ["hit", "stale", "revalidated", "collapsed"];

/** The lines of a frame, none longer than the terminal is wide, and not more of them than it is high. */
export function renderTop(frame: Frame): string[] {
  const color = paint(frame.colors);
  const blocks = [head(frame, color), outcomes(frame, color), upstreams(frame, color), paths(frame, color)];
  const lines = blocks
    .filter((block) => block.length > 0)
    .flatMap((block, index) => (index === 0 ? block : ["", ...block]));
  return lines.slice(0, frame.rows);
}

type Color = ReturnType<typeof paint>;

function head(frame: Frame, color: Color): string[] {
  const { now, columns } = frame;
  const { total, processes, notReady } = now;
  const rate = rates(frame);
  const state = notReady.length === 0 ? color("green", "ready") : color("red", notReady.join("; "));
  const edgeBytes = total.edge.bytes;
  const rows: [string, string][] = [
    [
      "requests",
      `${count(rate((report) => report.total.requests.requests))}/s, ${percent(hitRatio(frame))} from the cache, ` +
        `${count(total.requests.inFlight)} under way, ${count(total.connections)} connections`,
    ],
    [
      "bytes",
      `${bits(rate((report) => report.total.requests.bytes))} to clients, ` +
        `${bits(rate((report) => report.total.edge.bytesFromUpstream))} from upstreams`,
    ],
    [
      "memory",
      `${fill(edgeBytes, total.memory, color)}, ${count(total.edge.entries)} objects, ${count(total.edge.fills)} arriving`,
    ],
  ];
  if (processes.length > 1) {
    rows.push([
      "between",
      `${count(rate((report) => report.total.edge.peerRequests))}/s from process to process, ` +
        bits(rate((report) => report.total.edge.bytesToPeers)),
    ]);
  }
  if (total.disk !== null) {
    const { bytes, maxBytes, entries, failed } = total.disk;
    const trouble = failed === null ? "" : `, ${color("red", failed)}`;
    rows.push(["disk", `${fill(bytes, maxBytes, color)}, ${count(entries)} objects${trouble}`]);
  }
  if (now.purge !== null) rows.push(["purge", purgeText(now.purge, color)]);
  const busy = processes.map(({ utilization }) => percent(utilization)).join(", ");
  rows.push([
    "processes",
    `${processes.length}, busy ${busy === "" ? "–" : busy}, ${formatSize(total.rss)}` +
      (now.restarts === 0 ? "" : `, ${color("yellow", `${now.restarts} restarted`)}`),
  ]);
  if (total.log !== null && total.log.dropped > 0) {
    rows.push(["log", color("yellow", `${count(total.log.dropped)} of ${count(total.log.lines)} lines were dropped`)]);
  }
  if (now.reloads.error !== null) rows.push(["config", color("red", now.reloads.error)]);
  const title = `${color("bold", now.name)} ${now.version} at ${now.url}, up ${formatDuration(now.uptime)}: ${state}`;
  return table(
    [
      [{ text: title }],
      ...rows.map(([name, value]): Cell[] => [{ text: `${color("dim", name.padEnd(10))} ${value}` }]),
    ],
    [{ grow: true }],
    columns,
  );
}

function purgeText(purge: NonNullable<ProgramReport["purge"]>, color: Color): string {
  const missing = edgesOutOfContact(purge);
  const all = Object.keys(purge.edges).length;
  const contact = `in contact with ${all - missing.length} of ${all} edges`;
  if (!purge.trusted) return color("red", `${contact}: an upstream is asked before every hit`);
  return missing.length === 0 ? contact : color("yellow", `${contact}, not with ${missing.join(", ")}`);
}

function outcomes(frame: Frame, color: Color): string[] {
  const { now, columns } = frame;
  const rate = rates(frame);
  const names = Object.entries(now.total.requests.byOutcome).flatMap(([name, all]) => (all > 0 ? [name] : []));
  if (names.length === 0) return [];
  const perSecond = names.map((name) => rate((report) => report.total.requests.byOutcome[name] ?? 0));
  const all = perSecond.reduce((sum, each) => sum + each, 0);
  const rows = names
    .map((name, index): { rate: number; cells: Cell[] } => {
      const share = all === 0 ? 0 : perSecond[index]! / all;
      const cells = [
        { text: color(OUTCOME_COLORS[name] ?? "none", name) },
        { text: count(perSecond[index]!) },
        { text: all === 0 ? "–" : percent(share) },
        { text: bar(share, 30) },
      ];
      return { rate: perSecond[index]!, cells };
    })
    .sort((a, b) => b.rate - a.rate);
  return table(
    [header(color, "outcome", "requests/s", "share", ""), ...rows.map(({ cells }) => cells)],
    [{ width: 14 }, { width: 12, right: true }, { width: 8, right: true }, { grow: true }],
    columns,
  );
}

function upstreams(frame: Frame, color: Color): string[] {
  const { now, before, columns } = frame;
  if (now.upstreams.length === 0) return [];
  const rate = rates(frame);
  const rows = now.upstreams.map((upstream): Cell[] => {
    const of = (report: ProgramReport) => report.upstreams.find(({ name }) => name === upstream.name);
    const isNew = before !== undefined && of(before) === undefined;
    const perSecond = (value: (stats: UpstreamStats) => number): string =>
      isNew ? "–" : count(rate((report) => value(of(report) ?? upstream)));
    return [
      { text: upstream.name },
      { text: stateOf(upstream, color) },
      { text: perSecond(({ requests }) => requests) },
      { text: perSecond(({ failures }) => Object.values(failures).reduce((sum, each) => sum + each, 0)) },
      { text: count(upstream.inFlight) },
      { text: milliseconds(upstream.headP50) },
      { text: milliseconds(upstream.headP95) },
    ];
  });
  return table(
    [header(color, "upstream", "state", "req/s", "fail/s", "open", "p50 ms", "p95 ms"), ...rows],
    [
      { grow: true },
      { width: 10 },
      { width: 8, right: true },
      { width: 7, right: true },
      { width: 6, right: true },
      { width: 7, right: true },
      { width: 7, right: true },
    ],
    columns,
  );
}

function paths({ now, columns }: Frame, color: Color): string[] {
  if (now.paths.length === 0) return [];
  const rows = now.paths.map(({ path, requests }): Cell[] => [{ text: path }, { text: count(requests) }]);
  return table(
    [header(color, "asked for most", "lately"), ...rows],
    [{ grow: true }, { width: 10, right: true }],
    columns,
  );
}

function header(color: Color, ...names: string[]): Cell[] {
  return names.map((text) => ({ text: color("dim", text) }));
}

/** What happened per second between the two looks. A process that was started anew counts from zero: never below. */
function rates({ before, now, elapsed }: Frame): (value: (report: ProgramReport) => number) => number {
  return (value) => {
    if (before === undefined || elapsed <= 0) return 0;
    return Math.max(0, ((value(now) - value(before)) * 1000) / elapsed);
  };
}

/** Since the look before; of all time where nothing happened since. */
function hitRatio({ before, now }: Frame): number | undefined {
  const of = (report: ProgramReport | undefined): [hits: number, all: number] => {
    const { byOutcome = {} } = report?.total.requests ?? {};
    const hits = FROM_CACHE.reduce((sum, name) => sum + (byOutcome[name] ?? 0), 0);
    const refused = byOutcome.refused ?? 0;
    return [hits, Object.values(byOutcome).reduce((sum, each) => sum + each, 0) - refused];
  };
  const [hits, all] = of(now);
  const [hitsBefore, allBefore] = of(before);
  if (all > allBefore && hits >= hitsBefore) return (hits - hitsBefore) / (all - allBefore);
  return all === 0 ? undefined : hits / all;
}

function stateOf({ healthy, circuit }: UpstreamStats, color: Color): string {
  if (circuit === "open") return color("red", "not asked");
  if (!healthy) return color("red", "ill");
  return circuit === "half-open" ? color("yellow", "on trial") : color("green", "well");
}

function fill(bytes: number, most: number, color: Color): string {
  const share = most === 0 ? 0 : Math.min(1, bytes / most);
  return `${color("cyan", bar(share, 20).padEnd(20, "·"))} ${formatSize(bytes)} of ${formatSize(most)}`;
}

function bar(share: number, width: number): string {
  return "#".repeat(Math.round(Math.min(1, share) * width));
}

function percent(share: number | undefined): string {
  return share === undefined ? "–" : `${(share * 100).toFixed(share >= 0.9995 || share === 0 ? 0 : 1)} %`;
}

/** `12,345`; below ten with a tenth. */
function count(value: number): string {
  const rounded = value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
  return rounded.toLocaleString("en-US");
}

function bits(bytesPerSecond: number): string {
  const units = ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"];
  let value = bytesPerSecond * 8;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? "–" : value.toFixed(value < 10 ? 1 : 0);
}
