/** `ami-matrix` as it is used in a terminal. */

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "ami-matrix-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const program = fileURLToPath(new URL("main.ts", import.meta.url));

/** Runs a command to its end; nobody is at the terminal. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return await new Promise((resolve) => {
    const node = ["--conditions=@ami-streams/source", "--no-warnings", program, ...args];
    const child = execFile(process.execPath, node, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin?.end();
  });
}

test("init writes a deployment of what the flags say, and prints no secret", async () => {
  const flags = [
    "--server-name",
    "example.org",
    "--isolated",
    "--calls",
    "--bridge",
    "slack",
    "--bridge",
    "irc",
    "--admin",
    "@ada:example.org",
  ];
  const { code, stdout, stderr } = await run("init", "--dir", dir, "--yes", ...flags);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(`Next: ami-matrix up --dir ${dir}`);
  expect(JSON.parse(await readFile(join(dir, "ami-matrix.json"), "utf8"))).toEqual({
    serverName: "example.org",
    federation: false,
    admins: ["@ada:example.org"],
    calls: true,
    bridges: ["slack", "irc"],
  });
  for (const name of ["registration", "macaroon", "postgres", "slack-as"]) {
    expect(stdout).not.toContain((await readFile(join(dir, "secrets", name), "utf8")).trim());
  }
});

test("init again adds to what was asked before; a config file replaces it", async () => {
  await run("init", "--dir", dir, "--yes", "--server-name", "example.org", "--calls");
  await run("init", "--dir", dir, "--yes", "--workers", "2");
  expect(JSON.parse(await readFile(join(dir, "ami-matrix.json"), "utf8"))).toEqual({
    serverName: "example.org",
    calls: true,
    workers: 2,
  });
  const config = join(dir, "config.ts");
  await writeFile(config, 'const serverName: string = "example.org";\nexport default { serverName, guests: true };\n');
  await run("init", "--dir", dir, "--yes", "--config", config);
  expect(JSON.parse(await readFile(join(dir, "ami-matrix.json"), "utf8"))).toEqual({
    serverName: "example.org",
    guests: true,
  });
});

test.each<[string, string[], string]>([
  ["no name and nobody to ask", ["init"], "✗ give the server a name: --server-name example.org\n"],
  [
    "a bad value",
    ["init", "--server-name", "example.org", "--workers", "many"],
    "✗ workers: must be a whole number from 0 to 32\n",
  ],
  ["a command without a deployment", ["status"], "✗ there is no deployment in "],
  ["a port that is none", ["up", "--local", "--port", "http"], '✗ "http" is no port\n'],
])("%s ends with a line and exit code 1, and writes nothing", async (_, args, message) => {
  const { code, stdout, stderr } = await run(...args, "--dir", dir);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(message);
  expect(await readdir(dir)).toEqual([]);
});

test("status of what does not run is exit code 3", async () => {
  await run("init", "--dir", dir, "--yes", "--server-name", "example.org");
  expect(await run("status", "--dir", dir)).toEqual({ code: 3, stdout: "example.org does not run\n", stderr: "" });
});
