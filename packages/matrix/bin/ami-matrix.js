#!/usr/bin/env node
if (Number(process.versions.node.split(".")[0]) < 24) {
  process.stderr.write(`✗ ami-matrix needs Node 24 or newer, and this is ${process.versions.node}\n`);
  process.exit(1);
}
await import("../dist/program/main.js");
