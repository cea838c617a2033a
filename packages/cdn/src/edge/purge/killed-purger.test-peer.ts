/** Purges one URL after the other, and says so of each, until somebody ends it. */

import { createPurges } from "./purges.ts";

const purges = await createPurges({ folder: process.argv[2]! });
process.stdout.write(`${purges.generation}\n`);
for (let at = 0; ; at += 1) {
  await purges.purge({ urls: [`/${at}`] });
  process.stdout.write(`${at}\n`);
}
