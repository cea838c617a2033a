/** Upgrades of a real homeserver. Other releases are stood in for by links to the one that is installed, and by one that does not start. */

import { chmod, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { matrixCache, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SYNAPSE_VERSION } from "../config/images.ts";
import { login, newFolder, password, registrationSecret } from "../homeserver.test-setup.ts";
import { findLocal, registerUser, startLocal, stopLocal, upgrade, writeDeployment } from "../index.ts";
import { noHomeserver } from "../no-homeserver.test-setup.ts";

describe.skipIf(noHomeserver || peer("synapse") === null)("an upgrade", () => {
  let parent: string;
  let dir: string;
  let cache: string;

  beforeAll(async () => {
    parent = await newFolder();
    dir = join(parent, "chat");
    cache = join(parent, "cache");
    await mkdir(join(cache, "synapse-99.2.0", "bin"), { recursive: true });
    const broken = join(cache, "synapse-99.2.0", "bin", "python");
    await writeFile(broken, "#!/bin/sh\necho the new release does not like it >&2\nexit 1\n");
    await chmod(broken, 0o755);
    const installed = join(matrixCache, `synapse-${SYNAPSE_VERSION}`);
    for (const version of [SYNAPSE_VERSION, "99.1.0"]) await symlink(installed, join(cache, `synapse-${version}`));
    await writeDeployment({ dir, config: { serverName: "example.test" } });
    const { url } = await startLocal({ dir, cache, port: 0 });
    await registerUser({ url, secret: await registrationSecret(dir), username: "ada", password });
  });
  afterAll(async () => {
    await stopLocal(dir);
    await rm(parent, { recursive: true, force: true });
  });

  test("to what runs already does nothing", async () => {
    expect(await upgrade({ dir, cache })).toEqual({ from: SYNAPSE_VERSION, to: SYNAPSE_VERSION, backup: undefined });
  });

  test("keeps accounts and the address, and makes a backup first", async () => {
    const before = await findLocal(dir);
    const { backup } = await upgrade({ dir, cache, to: "99.1.0" });
    expect(backup).toContain(join(dir, "backups"));
    const after = await findLocal(dir);
    expect(after).toMatchObject({ url: before?.url, version: "99.1.0" });
    expect(await login(after?.url ?? "", "ada")).toBeTypeOf("string");
  });

  test("to a release that does not start is undone", async () => {
    const failed = upgrade({ dir, cache, to: "99.2.0" });
    await expect(failed).rejects.toMatchObject({
      code: "UPGRADE_FAILED",
      message: expect.stringContaining("does not like it"),
    });
    const after = await findLocal(dir);
    expect(after?.version).toBe("99.1.0");
    expect(await login(after?.url ?? "", "ada")).toBeTypeOf("string");
    expect((await readdir(parent)).sort()).toEqual(["cache", "chat"]);
  });

  test("to an older release is refused: the database has changed since", async () => {
    await expect(upgrade({ dir, cache, to: "1.100.0" })).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  });
});
