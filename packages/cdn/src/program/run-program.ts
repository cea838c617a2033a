/** The life of `ami-edge`: starts, says where it serves, follows signals, and ends. */

import { constants } from "node:os";
import { relative } from "node:path";
import { formatSize } from "./config/units.ts";
import { type ProgramOptions, type RunningProgram, startProgram } from "./program.ts";

/** Milliseconds beyond its drain after which the program ends whatever is left. */
const END_GRACE = 5_000;

/**
 * Runs until SIGTERM or SIGINT. A second one ends it at once.
 *
 * @throws what kept it from serving.
 */
export async function runProgram(options: ProgramOptions): Promise<void> {
  let program: RunningProgram | undefined;
  let ending = false;
  const onEnding = (signal: "SIGINT" | "SIGTERM"): void => {
    // Nothing is worth waiting for yet, or somebody does not want to wait any more. Workers end with their parent.
    if (program === undefined || ending) process.exit(128 + constants.signals[signal]);
    ending = true;
    const { drain } = program.config;
    setTimeout(() => process.exit(1), drain + END_GRACE).unref();
    void program.close().then(() => process.exit(0));
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onEnding);
  // Whether it was good is in the log.
  process.on("SIGHUP", () => void program?.reload().catch(() => {}));
  process.on("SIGUSR2", () => void program?.reopenLogs().catch(() => {}));

  program = await startProgram(options);
  // Where the access log has standard output, only its lines are there.
  const stream = isLogOnStandardOutput(program) ? process.stderr : process.stdout;
  stream.write(`${startLine(program, options.source.file)}\n`);
}

function isLogOnStandardOutput({ config: { log } }: RunningProgram): boolean {
  return (log.format !== undefined || log.file !== undefined) && (log.file ?? "-") === "-";
}

function startLine({ url, adminUrl, config }: RunningProgram, file: string | undefined): string {
  const { name, upstreams, memory, processes } = config;
  const facts = [`pid ${process.pid}`, `memory ${formatSize(memory)}`];
  if (processes > 1) facts.push(`${processes} processes`);
  if (file !== undefined) facts.push(relative(process.cwd(), file));
  const from = upstreams.map((upstream) => upstream.name ?? upstream.url).join(", ");
  const operators = adminUrl === undefined ? "" : `; operators: ${adminUrl}`;
  return `${name} serves ${url} from ${from} (${facts.join(", ")})${operators}`;
}
