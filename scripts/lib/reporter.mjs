/** A vitest reporter that only counts: `scripts/test.mjs` adds up the kinds of test from what it writes. */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export default class CountingReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const file = process.env.AMI_TEST_RESULTS;
    if (file === undefined) return;
    const result = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      // A file that fails to load holds no tests, and must not look like one without failures.
      if (module.errors().length > 0) result.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") result.passed += 1;
        else if (state === "skipped") result.skipped.push(`${module.relativeModuleId}: ${test.fullName}`);
        else result.failed += 1;
      }
    }
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(result));
  }
}
