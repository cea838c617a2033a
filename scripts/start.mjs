/**
 * `npm start`: everything from a fresh clone to a running demo. `npm run origin`, `edge` and `client` start one part of it, `npm run ami-edge`
 * the edge with a command line of its own. Arguments go to the program; `npm start -- --help` lists the demo's.
 */

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { main, root, SetupError, setup, watchInterval } from "./lib/setup.mjs";

await main(async () => {
  const parent = process.ppid;
  const [name = "demo", ...args] = process.argv.slice(2);
  const file = name === "ami-edge" ? ["packages", "cdn", "bin", "ami-edge.js"] : ["examples", name, "dist", "main.js"];
  const { node, env } = await setup({ build: true });
  if (process.ppid !== parent) throw new SetupError("whoever started this is gone");
  const program = spawn(node, [join(root, ...file), ...args], {
    cwd: process.env.INIT_CWD ?? root,
    env,
    stdio: "inherit",
  });
  // A terminal's Ctrl-C reaches the whole group; `kill` reaches only this process. The program takes either once.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"]) process.on(signal, () => program.kill(signal));
  // npm dies of a signal without passing it on.
  const watch = setInterval(() => {
    if (process.ppid !== parent) program.kill("SIGTERM");
  }, watchInterval);
  process.exitCode = await new Promise((resolve, reject) => {
    program.on("error", reject);
    program.on("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
  clearInterval(watch);
});
