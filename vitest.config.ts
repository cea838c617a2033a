import { defineConfig } from "vitest/config";

// Three kinds of test by file name: `x.test.ts` is fast and touches no network but loopback, `x.slow.test.ts` runs real
// peers for seconds, `x.browser.test.ts` drives a real Chromium.
const slow = "**/*.slow.test.ts";
const browser = "**/*.browser.test.ts";
// The package manager's store links to every project that installs from it, this one too.
const elsewhere = ["**/node_modules/**", "**/.tools/**"];
const anywhere = [
  "packages/*/{src,test}/**/*.test.ts",
  "examples/*/{src,test}/**/*.test.ts",
  "testing/src/**/*.test.ts",
  "tests/**/*.test.ts",
  "scripts/**/*.test.ts",
];
// How long `expect.poll` waits for what has to come about: what does not come is a failure all the same.
const expectations = { poll: { timeout: 10_000 } };
const shared = {
  resolve: { conditions: ["@ami-streams/source", "module", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["@ami-streams/source", "module", "node", "import", "default"] } },
};

export default defineConfig({
  test: {
    reporters: ["default", "./scripts/lib/reporter.mjs"],
    projects: [
      {
        ...shared,
        test: {
          name: "unit",
          include: anywhere,
          exclude: [slow, browser, ...elsewhere],
          testTimeout: 20_000,
          expect: expectations,
        },
      },
      {
        ...shared,
        test: {
          name: "integration",
          expect: expectations,
          include: [slow],
          exclude: elsewhere,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          execArgv: ["--conditions=@ami-streams/source"],
        },
      },
      {
        ...shared,
        test: {
          name: "browser",
          expect: expectations,
          include: [browser],
          exclude: elsewhere,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          execArgv: ["--conditions=@ami-streams/source"],
        },
      },
    ],
  },
});
