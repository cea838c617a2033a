/** Static checks: types, lint, unused code, dependency directions, the docs, and every package packed and installed alone. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { main, root, run, SetupError, say, setup } from "./lib/setup.mjs";

await main(async () => {
  const { pnpm, node, env } = await setup({ build: true });
  const exec = (...args) => run(pnpm[0], [...pnpm.slice(1), "exec", ...args], { env, quiet: true });
  const checks = {
    // Node's types and the DOM's contradict each other in places: code is checked against those it runs with.
    types: async () => {
      for (const project of ["tsconfig.json", "tsconfig.dom.json"]) await exec("tsc", "--noEmit", "-p", project);
    },
    lint: () => exec("biome", "check", "--error-on-warnings", "."),
    knip: () => exec("knip"),
    directions: () => run(node, [join(root, "scripts", "directions.mjs")], { env, quiet: true }),
    docs: () => exec("typedoc"),
    packages: () => packages({ pnpm, node, env, exec }),
  };
  const wanted = process.argv.slice(2);
  const failed = [];
  for (const [name, check] of Object.entries(checks)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    say(`• ${name} …`);
    try {
      await check();
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      say(`✗ ${name}: ${error.message}`);
      failed.push(name);
    }
  }
  if (failed.length > 0) throw new SetupError(`failed: ${failed.join(", ")}`);
  say("all checks passed");
});

/** Packs every package; publint and attw look at the tarball; then npm installs it into an empty folder and runs its README example. */
async function packages({ pnpm, node, env, exec }) {
  const cache = join(root, ".cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "packed-"));
  try {
    const names = readdirSync(join(root, "packages")).filter((name) =>
      existsSync(join(root, "packages", name, "package.json")),
    );
    for (const name of names) {
      await run(pnpm[0], [...pnpm.slice(1), "pack", "--pack-destination", folder], {
        env,
        cwd: join(root, "packages", name),
        quiet: true,
      });
    }
    const tarballs = Object.fromEntries(
      readdirSync(folder).map((file) => [
        /^ami-streams-(.*)-\d+\.\d+\.\d+.*\.tgz$/.exec(file)?.[1],
        join(folder, file),
      ]),
    );
    const violations = [];
    for (const name of names) {
      try {
        await exec("publint", "--strict", tarballs[name]);
        await exec("attw", tarballs[name], "--profile", "esm-only", ...attwExclusions(name));
        await installAlone(name, tarballs, join(folder, name), { node, env });
        say(`  ${name}: publint, attw, installed alone, README example`);
      } catch (error) {
        if (!(error instanceof SetupError)) throw error;
        violations.push(`${name}: ${error.message}`);
      }
    }
    if (violations.length > 0) throw new SetupError(violations.join("\n  "));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file for a <script> tag has no types. */
function attwExclusions(name) {
  return name === "player" ? ["--exclude-entrypoints", "./embed"] : [];
}

async function installAlone(name, tarballs, folder, { node, env }) {
  mkdirSync(folder);
  const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
  const own = Object.keys(manifest.dependencies ?? {}).map((dependency) => /^@ami-streams\/(.*)/.exec(dependency)?.[1]);
  const files = [name, ...own.filter((dependency) => dependency !== undefined)].map((each) => tarballs[each]);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const npm = env.npm_execpath?.endsWith("npm-cli.js") ? [process.execPath, env.npm_execpath] : ["npm"];
  const args = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--omit=peer", "--loglevel=error", ...files];
  const clean = Object.fromEntries(
    Object.entries(env).filter(([key]) => !/^npm_config_(loglevel|store_dir)$/i.test(key)),
  );
  await run(npm[0], [...npm.slice(1), ...args], { cwd: folder, env: clean, quiet: true });
  const readme = readFileSync(join(root, "packages", name, "README.md"), "utf8");
  const example = /^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1];
  if (example === undefined) throw new SetupError("README.md has no example");
  writeFileSync(join(folder, "example.ts"), example);
  await run(node, ["--no-warnings", "example.ts"], { cwd: folder, env: clean, quiet: true });
}
