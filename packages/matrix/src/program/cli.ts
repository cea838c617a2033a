/** The command line of `ami-matrix`. What a command needs is loaded when it is given. */

import { Command } from "commander";
import type { DoctorFlags } from "./doctor.ts";
import type { InitFlags } from "./init.ts";
import type { RegisterFlags } from "./register.ts";
import type { UpFlags } from "./up.ts";
import type { UpgradeFlags } from "./upgrade.ts";
import { packageVersion } from "./version.ts";

const EXAMPLES = `
Examples:
  ami-matrix init --dir chat --server-name example.org
  ami-matrix up --dir chat                    # by Docker Compose
  ami-matrix up --dir chat --local            # without Docker: Synapse from PyPI, PostgreSQL of this machine
  ami-matrix register --dir chat --admin alice
  ami-matrix down --dir chat`;

/** The program, ready to parse. */
export function createCli(): Command {
  const program = new Command("ami-matrix")
    .description("A Matrix homeserver in one command.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this")
    .helpCommand(false)
    .showSuggestionAfterError()
    .addHelpText("after", EXAMPLES);

  inFolder(program, "init", "write a deployment, or change what is asked of it; secrets and edited files stay")
    .option("--server-name <name>", "the part of user ids after the colon, e.g. example.org; it can never be changed")
    .option("-c, --config <file>", "a config file to take everything from (.ts, .js or .json)")
    .option("--public-url <url>", "where clients reach the homeserver (default: https://matrix.<name>)")
    .option("--isolated", "an island: no federation with other servers")
    .option("--registration <who>", "closed, or token: who has a registration token makes an account (default: closed)")
    .option("--admin <user id>", "an operator; may be given several times", collect)
    .option("--contact <address>", "e-mail address for reports of abuse")
    .option("--no-element", "no Element Web")
    .option("--no-turn", "no TURN server")
    .option("--workers <count>", "Synapse's worker processes, with Redis (default: 0)")
    .option("--calls", "group calls: LiveKit and its authorisation service")
    .option("--jitsi", "Jitsi Meet")
    .option("--bridge <name>", "discord, irc, slack or telegram; may be given several times", collect)
    .option("--proxy <which>", "caddy, or own: a reverse proxy that is there already (default: caddy)")
    .option("-y, --yes", "ask nothing")
    .action(async (flags: InitFlags) => {
      const { init } = await import("./init.ts");
      await init(flags);
    });

  inFolder(program, "up", "start it, and wait until it answers")
    .option("--local", "without Docker: Synapse from PyPI, PostgreSQL of this machine")
    .option("--database <url>", "with --local: postgresql://… or sqlite; also from AMI_MATRIX_DATABASE")
    .option("--port <port>", "with --local: port of the homeserver (default: 8008)")
    .option("--cache <folder>", "with --local: where Synapse is installed")
    .action(async (flags: UpFlags) => {
      const { up } = await import("./up.ts");
      await up(flags);
    });

  inFolder(program, "down", "stop it").action(async (flags: { dir: string }) => {
    const { down } = await import("./up.ts");
    await down(flags);
  });

  inFolder(program, "status", "say what runs")
    .option("--json", "for programs")
    .action(async (flags: { dir: string; json?: boolean }) => {
      const { status } = await import("./up.ts");
      await status(flags);
    });

  inFolder(program, "register", "make an account; the password is asked for, or read from standard input")
    .argument("<name>", "the part of the user id before the colon")
    .option("--admin", "may use the admin API")
    .action(async (name: string, flags: RegisterFlags) => {
      const { register } = await import("./register.ts");
      await register(name, flags);
    });

  inFolder(program, "backup", "write everything into one file, while it runs")
    .option("-f, --file <file>", "the archive (default: backups/<server>-<time>.tar in the folder)")
    .action(async (flags: { dir: string; file?: string }) => {
      const { backup } = await import("./backup.ts");
      await backup(flags);
    });

  inFolder(program, "restore", "make a deployment of a backup, in a new folder")
    .argument("<file>", "the archive")
    .option("--database <url>", "of an empty PostgreSQL database to restore into; also from AMI_MATRIX_DATABASE")
    .action(async (file: string, flags: { dir: string; database?: string }) => {
      const { restore } = await import("./backup.ts");
      await restore(file, flags);
    });

  program
    .command("doctor")
    .description("look at a homeserver as an operator would, and say what to do")
    .argument("[server]", "its name, e.g. example.org, or a URL (default: that of the folder)")
    .option("-d, --dir <folder>", "the deployment's folder, where it is on this machine")
    .option("--token-file <file>", "an access token of any account: files and TURN are looked at, too")
    .option(
      "--connect-to <from=to>",
      "host:port=host:port, instead of what DNS says; may be given several times",
      collect,
    )
    .option("--ca <file>", "certificates to trust besides the usual ones, PEM")
    .option("--json", "for programs: a finding a line")
    .action(async (server: string | undefined, flags: DoctorFlags) => {
      const { doctor } = await import("./doctor.ts");
      await doctor(server, flags);
    });

  inFolder(program, "upgrade", "change to another release of Synapse; a backup is made first, and what fails is undone")
    .option("--to <version>", "the release (default: the one that this ami-matrix is tested with)")
    .option("--cache <folder>", "with --local: where Synapse is installed")
    .action(async (flags: UpgradeFlags) => {
      const { runUpgrade } = await import("./upgrade.ts");
      await runUpgrade(flags);
    });

  program
    .command("install")
    .description("fetch Synapse for --local, so that up does not have to")
    .option("--cache <folder>", "where to")
    .action(async (flags: { cache?: string }) => {
      const { install } = await import("./up.ts");
      await install(flags);
    });
  return program;
}

function inFolder(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).option("-d, --dir <folder>", "the deployment's folder", ".");
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
