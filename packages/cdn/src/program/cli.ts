/** The command line of `ami-edge`. What a command needs is loaded when it is given. */

import { relative } from "node:path";
import { Command } from "commander";
import type { CheckedConfig } from "./config/schema.ts";
import { configOfFlags, type Flags } from "./flags.ts";
import { messageOf } from "./program-error.ts";
import { packageVersion } from "./version.ts";

const EXAMPLES = `
Examples:
  ami-edge --upstream http://origin:8081
  ami-edge --upstream http://origin-1:8081 --upstream http://origin-2:8081 --port 80 --memory 4GiB --processes 4
  ami-edge --config edge.config.ts --log-format json --log-sample 0.01
  ami-edge check edge.config.ts
  ami-edge top

Sizes are written like 512MiB, 1GiB or 200GB, durations like 500ms, 10s or 5min. Everything else there is to say goes into a
config file: ami-edge.config.ts (or .js, .mjs, .json) is found in the folder where the edge starts. Flags count over the file.

Signals: SIGHUP reads the config again, SIGUSR2 opens the access log anew, SIGTERM lets answers in flight end.`;

/** @param script - the file that becomes a worker. */
export function createCli(script: string): Command {
  const program = new Command("ami-edge")
    .description("An HTTP cache that knows live media.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this")
    .helpCommand(false)
    .showSuggestionAfterError()
    .addHelpText("after", EXAMPLES)
    .option("-c, --config <file>", "config file; default: ami-edge.config.* of this folder, if there is one")
    .option("-u, --upstream <url>", "where to get what is not cached; may be given several times", collect)
    .option("-p, --port <port>", "port to serve on (default: 8080, with TLS 8443)")
    .option("--host <address>", "address to listen on (default: all)")
    .option("--name <name>", "names this edge in Cache-Status, Via and metrics (default: ami-edge)")
    .option("-m, --memory <size>", "bound of the memory cache (default: 256MiB)")
    .option("--disk <folder:size>", "keeps objects in files, over restarts: /var/cache/ami:200GiB")
    .option("-n, --processes <count>", "processes that share the port (default: 1)")
    .option("--ignore-param <name>", "query parameter that makes no difference; may be given several times", collect)
    .option("--keep-param <name>", "only these make a difference; may be given several times", collect)
    .option("--tls-cert <file>", "certificate chain, PEM: serves TLS 1.3 and HTTP/2")
    .option("--tls-key <file>", "its key, PEM")
    .option("--admin-port <port>", "port of /metrics, /healthz, /readyz, /stats, /purge (default: 9180)")
    .option("--admin-host <address>", "address of that port (default: 127.0.0.1)")
    .option("--no-admin", "no such port")
    .option("--log-level <level>", "of the program's own log on standard error (default: info)")
    .option("--log-format <format>", "json, common or combined: turns the access log on")
    .option("--log-sample <share>", "share of the requests that are logged, 0 to 1 (default: 1)")
    .option("--log-file <file>", "file of the access log (default: standard output)")
    .option("--drain <duration>", "how long answers may take when the edge ends (default: 10s)")
    .action(async (flags: Flags) => {
      const { runProgram } = await import("./run-program.ts");
      await runProgram({ source: await sourceOf(flags), script });
    });

  program
    .command("check")
    .description("say what is wrong with a config file")
    .argument("[file]", "default: ami-edge.config.* of this folder")
    .action(async (file: string | undefined) => {
      process.exitCode = (await check(file)) ? 0 : 1;
    });

  program
    .command("top")
    .description("watch a running edge")
    .option("-a, --admin <url>", "its admin port", "http://127.0.0.1:9180")
    .option("-t, --token <token>", "its admin token; default: what AMI_EDGE_TOKEN says")
    .option("-i, --interval <duration>", "from one look to the next", "1s")
    .option("--once", "print one frame, and end")
    .action(async (options: { admin: string; token?: string; interval: string; once?: boolean }) => {
      const { runTop } = await import("./top/run-top.ts");
      await runTop(options);
    });
  return program;
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

async function sourceOf(flags: Flags): Promise<{ file: string | undefined; flags: ReturnType<typeof configOfFlags> }> {
  const { findConfigFile } = await import("./config/config-file.ts");
  return { file: flags.config ?? findConfigFile(process.cwd()), flags: configOfFlags(flags) };
}

/** Prints what is wrong, a line each, or that nothing is. */
async function check(given: string | undefined): Promise<boolean> {
  const { CONFIG_NAMES, findConfigFile } = await import("./config/config-file.ts");
  const { ConfigError, loadConfig } = await import("./config/load-config.ts");
  const { tryConfig } = await import("./try-config.ts");
  const { summaryOf } = await import("./config/summary.ts");
  const file = given ?? findConfigFile(process.cwd());
  if (file === undefined) {
    process.stderr.write(`✗ there is no ${CONFIG_NAMES.join(", ")} here: name the file to check\n`);
    return false;
  }
  let config: CheckedConfig;
  try {
    config = await loadConfig({ file, flags: {} });
    await tryConfig(config);
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems : [messageOf(error)];
    process.stderr.write(problems.map((problem) => `✗ ${problem}\n`).join(""));
    return false;
  }
  process.stdout.write(`ok ${relative(process.cwd(), file)}\n${summaryOf(config).join("\n")}\n`);
  return true;
}
