#!/usr/bin/env node
/** `npx ami-edge` at the root of the repository: the same as `npm run ami-edge --`, with what is missing set up and built first. */

import process from "node:process";

process.argv.splice(2, 0, "ami-edge");
process.env.INIT_CWD ??= process.cwd();
await import("./start.mjs");
