/** The dependency directions of the architecture, checked over manifests and imports: `node scripts/directions.mjs`, Node ≥ 24. */

import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import ts from "typescript";
import { main, root, SetupError } from "./lib/setup.mjs";

/** What a package may use of the suite at run time. Tests and benchmarks may use `testing` besides. */
const allowed = {
  media: [],
  ingest: ["media"],
  transcode: ["media"],
  cdn: [],
  matrix: [],
  player: [],
};

await main(async () => {
  const violations = directionViolations();
  if (violations.length > 0) throw new SetupError(violations.join("\n  "));
});

/** One line per violation. */
function directionViolations() {
  const violations = [];
  for (const [name, targets] of Object.entries(allowed)) {
    const folder = join(root, "packages", name);
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies };
    for (const dependency of Object.keys(declared)) {
      const target = suitePackage(dependency);
      if (target !== undefined && !targets.includes(target)) violations.push(`packages/${name} depends on ${target}`);
    }
    for (const file of globSync("{src,bench,test}/**/*.ts", { cwd: folder })) {
      const path = join(folder, file);
      // `testing.ts`, `testing/` and `x.test-setup.ts` hold what tests of a package share; nothing that is published imports them.
      const test = /\.test(-setup)?\.ts$|^bench|^test|(^|\/)testing(\/|\.ts$)/.test(file.split(sep).join("/"));
      for (const { fileName } of ts.preProcessFile(readFileSync(path, "utf8"), true, true).importedFiles) {
        const where = relative(root, path);
        if (fileName.startsWith(".") && relative(folder, resolve(dirname(path), fileName)).startsWith("..")) {
          violations.push(`${where} reaches out of its package: ${fileName}`);
        }
        const target = suitePackage(fileName);
        if (target === undefined || target === name || targets.includes(target)) continue;
        if (test) continue;
        violations.push(`${where} imports ${target}`);
      }
    }
  }
  for (const file of globSync("packages/*/package.json", { cwd: root })) {
    const name = file.split(sep)[1];
    if (!(name in allowed)) violations.push(`packages/${name} is missing in scripts/directions.mjs`);
  }
  return violations;
}

function suitePackage(specifier) {
  return /^@ami-streams\/([^/]+)/.exec(specifier)?.[1];
}
