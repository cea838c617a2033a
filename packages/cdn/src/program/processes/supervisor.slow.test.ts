/** Processes that cannot be started again for a while. */

import cluster, { type ClusterSettings } from "node:cluster";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "../../logger.ts";
import { loadConfig } from "../config/load-config.ts";
import { startOrigin } from "../program.test-setup.ts";
import { superviseEdge } from "./supervisor.ts";

const script = fileURLToPath(new URL("../main.ts", import.meta.url));
const here = { cwd: process.cwd(), uid: process.getuid!() };

test.each<[string, ClusterSettings]>([
  ["says so afterwards", { cwd: "/nowhere/at/all" }],
  ["says so at once", { uid: 2 ** 40 }],
])(
  "where the system cannot start a process and %s, it is tried until it can, and no purge waits",
  async (_how, settings) => {
    const origin = await startOrigin();
    const flags = { upstreams: [origin.url], port: 0, host: "127.0.0.1", processes: 2, admin: false } as const;
    const died: string[] = [];
    const error = (fields: { how?: string }): void => void (fields.how !== undefined && died.push(fields.how));
    const edge = await superviseEdge({
      config: await loadConfig({ flags }),
      logger: { ...silentLogger, error },
      script,
    });
    onTestFinished(() => edge.close());
    cluster.setupPrimary(settings);
    onTestFinished(() => cluster.setupPrimary(here));
    process.kill((await edge.processes[1]!.report()).pid, "SIGKILL");
    await expect.poll(() => died.length).toBeGreaterThan(2);
    const begun = performance.now();
    await edge.purge({ all: true });
    expect(performance.now() - begun).toBeLessThan(2_000);
    cluster.setupPrimary(here);
    await expect.poll(() => edge.processes.length).toBe(2);
  },
);
