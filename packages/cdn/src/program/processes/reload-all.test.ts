/** One config for several processes, of which some do not take it. */

import { expect, test } from "vitest";
import { CdnError } from "../../errors.ts";
import type { CheckedConfig } from "../config/schema.ts";
import { reloadAll } from "./reload-all.ts";

const config = {} as CheckedConfig;
const refuses = new Error("no such file");
const late = new CdnError("ABORTED", "a process did not answer");
const ended = new CdnError("CLOSED", "the process ended");

const process = (result: readonly string[] | Error) => ({
  reload: async () => {
    if (result instanceof Error) throw result;
    return result;
  },
});

test.each<[string, (readonly string[] | Error)[], readonly string[], readonly (readonly [number, Error])[]]>([
  ["all", [["tls"], []], ["tls"], []],
  ["all but one that refuses it", [[], refuses, ["tls"]], ["tls"], [[1, refuses]]],
  ["all but one that is late", [late, []], [], [[0, late]]],
  ["all but one that ends", [ended, []], [], []],
  [
    "none, but one may yet",
    [refuses, late],
    [],
    [
      [0, refuses],
      [1, late],
    ],
  ],
  ["none that is still there", [ended, ended], [], []],
])("a config is taken by %s", async (_what, results, reread, behind) => {
  const processes = results.map(process);
  expect(await reloadAll(processes, config)).toEqual({
    reread,
    behind: behind.map(([at, error]) => ({ process: processes[at], error })),
  });
});

test.each([[[refuses, refuses]], [[ended, refuses]]])("a config that nobody takes is wrong", async (results) => {
  await expect(reloadAll(results.map(process), config)).rejects.toBe(refuses);
});
