/** The generated configuration as containers get it, read by Synapse itself. */

import { execFile } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { peer } from "@ami-streams/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { newFolder } from "../homeserver.test-setup.ts";
import { type DeploymentConfig, writeDeployment } from "../index.ts";

const run = promisify(execFile);

/** Reads each process's configuration as Synapse does when it starts, and tells what it understood. */
const READ = `
import json, sys
from synapse.config.homeserver import HomeServerConfig
for files in json.loads(sys.argv[1]):
    config = HomeServerConfig.load_config("", [word for file in files for word in ("-c", file)])
    print(json.dumps({
        "worker": config.worker.worker_name,
        "registration": config.registration.enable_registration,
        "federation": config.federation.federation_domain_whitelist is None,
        "sender": config.worker.send_federation,
        "appservices": len(config.appservice.app_service_config_files),
        "transports": config.matrix_rtc.transports,
        "turn": config.voip.turn_uris,
        "redis": config.redis.redis_enabled,
    }))
`;

/** What a process understood. */
interface Understood {
  readonly worker: string | null;
  readonly registration: boolean;
  readonly federation: boolean;
  readonly sender: boolean;
  readonly appservices: number;
  readonly transports: readonly { readonly type: string }[];
  readonly turn: readonly string[];
  readonly redis: boolean;
}

describe.skipIf(peer("synapse") === null)("Synapse", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await newFolder();
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  /** Paths of the container become those of the folder; nothing else is changed. */
  async function understood(config: DeploymentConfig): Promise<Understood[]> {
    await writeDeployment({ dir, config });
    const workers = (await readdir(join(dir, "workers")).catch(() => []))
      .sort()
      .map((name) => join(dir, "workers", name));
    const main = join(dir, "homeserver.yaml");
    for (const file of [main, ...workers]) {
      const text = await readFile(file, "utf8");
      await writeFile(
        file,
        text.replaceAll(/(?<=: |- )\/(config|data)\//g, `${dir}/`).replaceAll("/secrets/", `${dir}/secrets/`),
      );
    }
    const processes = [[main], ...workers.map((worker) => [main, worker])];
    const { stdout } = await run(peer("synapse") ?? "", ["-c", READ, JSON.stringify(processes)]);
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  test("takes the plainest configuration", async () => {
    expect(await understood({ serverName: "example.test" })).toMatchObject([
      {
        worker: null,
        registration: false,
        federation: true,
        sender: true,
        appservices: 0,
        transports: [],
        redis: false,
      },
    ]);
  });

  test("takes that of everything, in the main process and each worker", async () => {
    const processes = await understood({
      serverName: "example.test",
      registration: "token",
      guests: true,
      workers: 2,
      calls: true,
      jitsi: true,
      bridges: ["discord", "irc", "slack", "telegram"],
    });
    expect(processes.map(({ worker, sender }) => ({ worker, sender }))).toEqual([
      { worker: null, sender: false },
      { worker: "federation-sender", sender: true },
      { worker: "generic-1", sender: false },
      { worker: "generic-2", sender: false },
    ]);
    for (const process of processes) {
      expect(process).toMatchObject({
        registration: true,
        appservices: 5,
        transports: [{ type: "livekit" }],
        redis: true,
      });
      expect(process.turn).toHaveLength(2);
    }
  });

  test("takes that of an island", async () => {
    expect(await understood({ serverName: "example.test", federation: false, turn: false, calls: true })).toMatchObject(
      [{ federation: false, turn: [], transports: [{ type: "livekit" }] }],
    );
  });
});
