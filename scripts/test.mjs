/**
 * `npm test`: sets up, then every test: unit, integration, browser. `npm test -- --project unit` runs one kind; other arguments
 * (a file name, `-t name`) go to vitest. Ends with `N passed, N failed, N skipped`.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { main, root, run, SetupError, say, setup } from "./lib/setup.mjs";

/** Programs that judge us, and the Debian packages that bring them. */
const peers = [
  {
    program: "chromium",
    packages: ["chromium", "fonts-dejavu-core"],
    or: ["chromium-browser", "google-chrome", "google-chrome-stable"],
    path: process.env.CHROME_PATH,
  },
  { program: "ffmpeg", packages: ["ffmpeg"] },
  { program: "ffprobe", packages: ["ffmpeg"] },
  {
    program: "gst-launch-1.0",
    packages: [
      "gstreamer1.0-tools",
      ...["good", "bad", "ugly"].map((set) => `gstreamer1.0-plugins-${set}`),
      "gstreamer1.0-libav",
    ],
  },
  { program: "rtmpdump", packages: ["rtmpdump"] },
  { program: "nginx", packages: ["nginx-light"], or: ["/usr/sbin/nginx"] },
  { program: "caddy", packages: ["caddy"] },
  { program: "turnserver", packages: ["coturn"] },
  { program: "openssl", packages: ["openssl"] },
  { program: "curl", packages: ["curl"] },
  { program: "initdb", packages: ["postgresql"], find: () => inReleases("/usr/lib/postgresql", "bin/initdb") },
  { program: "python3", packages: ["python3", "python3-venv"], works: ["-c", "import ensurepip, venv"] },
];

await main(async () => {
  const { pnpm, env, node } = await setup();
  const { projects, rest } = parse(process.argv.slice(2));
  const missing = projects.some((project) => project !== "unit")
    ? [...(await provide()), ...(await provideSynapse({ node, env }))]
    : [];
  const results = join(root, ".cache", "test-results");
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });

  const total = { passed: 0, failed: 0, skipped: [] };
  let broken = false;
  for (const project of projects) {
    say(`• ${project} tests …`);
    const file = join(results, `${project}.json`);
    const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
    const args = [vitest, "run", "--project", project, "--passWithNoTests", ...rest];
    await run(node, args, { env: { ...env, AMI_TEST_RESULTS: file, PNPM: pnpm[1] }, stdout: "inherit" }).catch(
      (error) => {
        if (!(error instanceof SetupError)) throw error;
        broken = true;
      },
    );
    if (!existsSync(file)) throw new SetupError(`the ${project} tests ended without a result`);
    const result = JSON.parse(readFileSync(file, "utf8"));
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped.push(...result.skipped);
  }
  if (total.skipped.length > 0) {
    const reason = missing.length > 0 ? ` (not on this machine: ${missing.join(", ")})` : "";
    console.log(`\nSkipped${reason}:\n${total.skipped.map((name) => `  ${name}`).join("\n")}`);
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);
  if (broken || total.failed > 0) process.exitCode = 1;
});

function parse(args) {
  const projects = [];
  const rest = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--project") projects.push(args[++i]);
    else if (args[i].startsWith("--project=")) projects.push(args[i].slice("--project=".length));
    else rest.push(args[i]);
  }
  return { projects: projects.length > 0 ? projects : ["unit", "integration", "browser"], rest };
}

/** Installs absent peers where that is ours to do (root, apt-get). Returns the names of those that stay absent. */
async function provide() {
  let missing = peers.filter((peer) => !present(peer));
  if (missing.length > 0 && process.getuid?.() === 0 && inPath("apt-get")) {
    const packages = [...new Set(missing.flatMap((peer) => peer.packages))];
    say(`• Debian packages for tests: ${packages.join(", ")} …`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    try {
      await run("apt-get", ["update"], { env, quiet: true });
      await run("apt-get", ["install", "-y", "--no-install-recommends", ...packages], { env, quiet: true });
    } catch (error) {
      if (process.env.CI) throw error;
      say(`  ${error.message}; the tests that need them are skipped`);
    }
    missing = peers.filter((peer) => !present(peer));
  }
  const names = missing.map((peer) => peer.program);
  if (process.env.CI && names.length > 0) throw new SetupError(`missing with CI=true: ${names.join(", ")}`);
  return names;
}

/** Synapse comes from PyPI by the package's own installer. Returns its name where it cannot be had. */
async function provideSynapse({ node, env }) {
  const program = join(root, "packages", "matrix", "src", "program", "main.ts");
  const args = ["--conditions=@ami-streams/source", "--no-warnings", program];
  try {
    await run(node, [...args, "install", "--cache", join(root, ".tools", "matrix")], { env });
    return [];
  } catch (error) {
    if (process.env.CI) throw error;
    say(`  ${error.message}; the tests that need Synapse are skipped`);
    return ["synapse"];
  }
}

function present({ program, or = [], path, works, find }) {
  if (works !== undefined) return inPath(program) && spawnSync(program, works).status === 0;
  // Looked for each time: it may have come with a package meanwhile.
  if (find?.() === true) return true;
  return (
    [path, program, ...or].some((name) => name !== undefined && inPath(name)) ||
    (process.platform === "darwin" && program === "chromium" && existsSync("/Applications/Google Chrome.app"))
  );
}

function inPath(name) {
  if (name.includes("/")) return existsSync(name);
  return (process.env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, name)));
}

/** Whether a program is there of any release of what has a folder for each. */
function inReleases(folder, program) {
  return existsSync(folder) && readdirSync(folder).some((release) => existsSync(join(folder, release, program)));
}
