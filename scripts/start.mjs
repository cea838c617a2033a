/** `npm start`: everything from a fresh clone to a running demo. Arguments go to the demo; `npm start -- --help` lists them. */

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { main, root, setup } from "./lib/setup.mjs";

await main(async () => {
  const { node, env } = await setup({ build: true });
  const demo = spawn(node, [join(root, "examples", "demo", "dist", "main.js"), ...process.argv.slice(2)], {
    cwd: process.env.INIT_CWD ?? root,
    env,
    stdio: "inherit",
  });
  // A terminal's Ctrl-C reaches the whole group; `kill` reaches only this process. The demo takes either once.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => demo.kill(signal));
  process.exitCode = await new Promise((resolve, reject) => {
    demo.on("error", reject);
    demo.on("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
});
