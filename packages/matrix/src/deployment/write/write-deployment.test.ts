/** A folder with a deployment: what is written, what stays. */

import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readDeployment, writeDeployment } from "../index.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "ami-matrix-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const config = { serverName: "example.org" };

test("secrets are for their owner alone", async () => {
  await writeDeployment({ dir, config: { ...config, bridges: ["slack"], calls: true } });
  const folder = join(dir, "secrets");
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) {
    const { mode } = await stat(join(file.parentPath, file.name));
    expect(mode & 0o077, file.name).toBe(0);
  }
});

test("the signing key has Synapse's format", async () => {
  await writeDeployment({ dir, config });
  expect(await readFile(join(dir, "secrets", "signing.key"), "utf8")).toMatch(/^ed25519 a_\w{6} [A-Za-z0-9+/]{43}\n$/);
});

test("again, nothing changes: not even a secret", async () => {
  await writeDeployment({ dir, config });
  const before = await snapshot();
  const { written, kept } = await writeDeployment({ dir, config });
  expect({ written, kept }).toEqual({ written: [], kept: [] });
  expect(await snapshot()).toEqual(before);
});

test("with more asked for, what is new comes and every secret stays", async () => {
  await writeDeployment({ dir, config });
  const before = await snapshot();
  const { written } = await writeDeployment({ dir, config: { ...config, workers: 1 } });
  expect(written).toContain("workers/generic-1.yaml");
  expect(written).toContain("homeserver.yaml");
  const after = await snapshot();
  for (const [path, text] of before) if (path.startsWith("secrets/")) expect(after.get(path), path).toBe(text);
});

test("a file that somebody edited stays, and the new one lies beside it", async () => {
  await writeDeployment({ dir, config });
  const file = join(dir, "homeserver.yaml");
  await writeFile(file, "server_name: example.org\n");
  const { kept } = await writeDeployment({ dir, config: { ...config, guests: true } });
  expect(kept).toEqual(["homeserver.yaml"]);
  expect(await readFile(file, "utf8")).toBe("server_name: example.org\n");
  expect(await readFile(`${file}.new`, "utf8")).toContain("allow_guest_access: true");
});

test("a server cannot be renamed", async () => {
  await writeDeployment({ dir, config });
  await expect(writeDeployment({ dir, config: { serverName: "example.net" } })).rejects.toMatchObject({
    code: "SERVER_NAME_FIXED",
  });
  expect((await readDeployment(dir)).serverName).toBe("example.org");
});

test("a secret that others can read is refused, not used", async () => {
  await writeDeployment({ dir, config });
  await chmod(join(dir, "secrets", "registration"), 0o644);
  await expect(writeDeployment({ dir, config })).rejects.toMatchObject({ code: "SECRET_UNSAFE" });
});

test("a secret that is a link is refused", async () => {
  await writeDeployment({ dir, config });
  const file = join(dir, "secrets", "registration");
  await rm(file);
  await symlink("/etc/hostname", file);
  await expect(writeDeployment({ dir, config })).rejects.toMatchObject({ code: "SECRET_UNSAFE" });
});

test("a bad config writes nothing", async () => {
  await expect(writeDeployment({ dir, config: { serverName: "" } })).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  expect(await readdir(dir)).toEqual([]);
});

test("a folder without a deployment says so", async () => {
  await expect(readDeployment(dir)).rejects.toMatchObject({ code: "NO_DEPLOYMENT" });
});

test("what only the operator knows is asked for, and taken from its file", async () => {
  const telegram = { ...config, bridges: ["telegram"] as const };
  expect((await writeDeployment({ dir, config: telegram })).todo).toHaveLength(1);
  await writeFile(join(dir, "secrets", "telegram-api"), "12345:abcdef\n", { mode: 0o600 });
  expect((await writeDeployment({ dir, config: telegram })).todo).toEqual([]);
  const text = await readFile(join(dir, "secrets", "bridges", "telegram", "config.yaml"), "utf8");
  expect(text).toContain("api_id: 12345");
});

async function snapshot(): Promise<Map<string, string>> {
  const files = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
  return new Map(
    await Promise.all(paths.map(async (path) => [path.slice(dir.length + 1), await readFile(path, "utf8")] as const)),
  );
}
