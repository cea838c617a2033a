/**
 * Ten thousand players join one live stream within a second, through one edge process: how often is the origin asked for each object, and how long
 * after it was made does the last of them have a part.
 */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createServer } from "@ami-streams/cdn";
import { createScriptedOrigin } from "./join/origin.ts";

const CLIENTS = Number(option("--clients") ?? 10_000);
const PART = Number(option("--part") ?? 1000);
const PART_BYTES = Number(option("--bytes") ?? 16 * 1024);
const PARTS = Number(option("--parts") ?? 12);
const PARTS_PER_SEGMENT = 4;
const NODE = [process.execPath, "--conditions=@ami-streams/source", "--no-warnings"];

using source = createScriptedOrigin({ part: PART, partBytes: PART_BYTES, partsPerSegment: PARTS_PER_SEGMENT });
await using origin = await createServer({ handler: source.handler, port: 0, host: "127.0.0.1" });
const edge = spawn("taskset", ["-c", "1", ...NODE, script("edge-process.ts"), origin.url], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const [line] = (await once(edge.stdout, "data")) as [Buffer];
  const url = `${line.toString().trim()}/live/match/index.m3u8`;
  const args = ["-c", `ulimit -n 65536; exec "$@"`, "sh", ...NODE, script("join/clients.ts"), url];
  const { stdout } = await promisify(execFile)("sh", [
    ...args,
    String(CLIENTS),
    String(PARTS),
    String(PARTS_PER_SEGMENT),
  ]);
  const cpu = await cpuSeconds(edge.pid!);
  const result = JSON.parse(stdout) as Record<"clients" | "parts" | "failures" | "p50" | "p99" | "worst", number>;
  const media = [...source.asked].filter(([target]) => /\.m4s$|_HLS_msn/.test(target));
  const plain = source.asked.get("/live/match/index.m3u8") ?? 0;
  console.log(
    "| clients | parts delivered | failures | origin requests per part or blocking reload | plain playlist requests | p50 | p99 | worst | CPU of the edge per part and reload |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  const most = Math.max(...media.map(([, count]) => count));
  const row = [
    result.clients,
    result.parts,
    result.failures,
    most,
    plain,
    `${result.p50} ms`,
    `${result.p99} ms`,
    `${result.worst} ms`,
    `${((cpu * 1e6) / result.parts).toFixed(0)} µs`,
  ];
  console.log(`| ${row.join(" | ")} |`);
  console.log(`parts of ${PART} ms and ${PART_BYTES} bytes; a part is late when it takes longer than itself`);
} finally {
  edge.kill("SIGTERM");
  await once(edge, "exit");
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
}

/** Of user and system, since the process began. */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
