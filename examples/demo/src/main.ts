/** What `npm start` runs. */

import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import pino from "pino";
import { type DemoOptions, portsFrom, type RunningDemo, startDemo, usualPorts } from "./demo.ts";

interface Arguments {
  readonly input?: string;
  readonly source: boolean;
  readonly portBase?: number;
  readonly encoder: DemoOptions["encoder"];
  readonly json?: true;
  readonly verbose?: true;
}

const program = new Command("npm start --")
  .description("AMI Streams in one command: an RTMP origin, two edges, a page to watch, and a test card on air.")
  .showHelpAfterError("With npm, options come after two dashes: npm start -- --port-base 21000")
  .option("--input <file>", "loop this file instead of the test card")
  .option("--no-source", "publish nothing: wait for OBS or ffmpeg")
  .option("--port-base <port>", "use this port for RTMP and the four after it for page, origin and edges", port)
  .addOption(
    new Option("--encoder <who>", "who makes the lower renditions")
      .choices(["libav", "ffmpeg", "none"])
      .default("libav"),
  )
  .option("--json", "print one line of JSON once frames are served, and nothing else on standard output")
  .option("--verbose", "log everything to standard error")
  .parse();

const chosen = program.opts<Arguments>();
if (chosen.input !== undefined && !chosen.source) program.error("error: --input and --no-source exclude each other");

const stopped = new Promise<void>((done) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => done());
});

try {
  const starting = startDemo({
    ports: chosen.portBase === undefined ? usualPorts : portsFrom(chosen.portBase),
    source: !chosen.source
      ? { kind: "none" }
      : chosen.input === undefined
        ? { kind: "test-card" }
        : { kind: "file", path: resolve(chosen.input) },
    encoder: chosen.encoder,
    logger: pino({ level: chosen.verbose ? "debug" : "error" }, pino.destination(2)),
  });
  // A signal while it starts: children die with their pipes, nothing is worth waiting for.
  void stopped.then(() => setTimeout(() => process.exit(1), 2500).unref());
  const demo = await Promise.race([starting, stopped]);
  if (demo !== undefined) {
    announce(demo);
    await stopped;
    await demo.close();
  }
  process.exit(0);
} catch (error) {
  const portTaken = error instanceof Error && "code" in error && error.code === "PORT_TAKEN";
  const hint = portTaken ? ". Is a demo running already? --port-base moves all five ports." : "";
  process.stderr.write(`✗ ${error instanceof Error ? error.message : String(error)}${hint}\n`);
  process.exit(1);
}

function announce({ addresses }: RunningDemo): void {
  if (chosen.json) {
    process.stdout.write(`${JSON.stringify(addresses)}\n`);
    return;
  }
  process.stdout.write(`
  AMI Streams is on air

    watch      ${addresses.page}
    publish    ${addresses.rtmp}/<any key>
    origin     ${addresses.origin}
    edges      ${addresses.edges.join("  ")}

  Ctrl-C ends everything.
`);
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_531)
    throw new InvalidArgumentError("a port from 1 to 65531, as five are needed");
  return value;
}
