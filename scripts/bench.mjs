/**
 * `pnpm bench [name …] [--option value …]`: every `bench/*.ts` of packages and tests, one after the other, so that nothing disturbs them. Options are
 * handed to each of them.
 */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { main, root, run, SetupError, say, setup } from "./lib/setup.mjs";

await main(async () => {
  const { node, env } = await setup({ build: true });
  const given = process.argv.slice(2);
  const firstOption = given.findIndex((word) => word.startsWith("--"));
  const wanted = firstOption === -1 ? given : given.slice(0, firstOption);
  const options = given.slice(wanted.length);
  const folders = [
    ...readdirSync(join(root, "packages")).map((name) => join("packages", name, "bench")),
    join("tests", "bench"),
  ];
  const files = folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder))
        .filter((name) => name.endsWith(".bench.ts"))
        .map((name) => join(folder, name)),
    )
    .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)));
  if (files.length === 0) throw new SetupError(`no benchmark matches ${wanted.join(", ")}`);
  const failed = [];
  for (const file of files) {
    say(`\n• ${file}`);
    const flags = ["--conditions=@ami-streams/source", "--expose-gc", "--no-warnings"];
    await run(node, [...flags, join(root, file), ...options], { env, stdout: "inherit" }).catch((error) => {
      if (!(error instanceof SetupError)) throw error;
      failed.push(file);
    });
  }
  if (failed.length > 0) throw new SetupError(`failed: ${failed.join(", ")}`);
});
