/** Backups of a real homeserver: nothing is lost, nothing is made of a damaged one. */

import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { matrixCache as cache, peer } from "@ami-streams/testing";
import * as tar from "tar";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { login, newFolder, password, registrationSecret, request } from "../homeserver.test-setup.ts";
import {
  backUp,
  type LocalHomeserver,
  registerUser,
  restoreBackup,
  startLocal,
  stopLocal,
  writeDeployment,
} from "../index.ts";
import { findProgram, postgresFolders } from "../local/programs.ts";
import { noHomeserver } from "../no-homeserver.test-setup.ts";

const run = promisify(execFile);

describe.skipIf(noHomeserver)("a backup of a running homeserver", () => {
  const media = new Uint8Array(300_000).map((_, index) => (index * 7919) % 251);
  let parent: string;
  let dir: string;
  let file: string;
  let homeserver: LocalHomeserver;
  let token: string;
  let messages: string;
  let mediaPath: string;

  beforeAll(async () => {
    parent = await newFolder();
    dir = join(parent, "original");
    file = join(parent, "backup.tar");
    await writeDeployment({ dir, config: { serverName: "example.test" } });
    homeserver = await startLocal({ dir, cache, port: 0 });
    const { url } = homeserver;
    await registerUser({ url, secret: await registrationSecret(dir), username: "ada", password });
    token = await login(url, "ada");
    const { body: room } = await request(url, "_matrix/client/v3/createRoom", { token, body: { name: "Engines" } });
    const path = `_matrix/client/v3/rooms/${encodeURIComponent(room.room_id)}`;
    for (let number = 0; number < 20; number += 1) {
      const body = { msgtype: "m.text", body: `message ${number}` };
      await request(url, `${path}/send/m.room.message/${number}`, { token, method: "PUT", body });
    }
    messages = `${path}/messages?dir=f&limit=100`;
    const upload = await request(url, "_matrix/media/v3/upload?filename=engine.bin", { token, body: media });
    mediaPath = `_matrix/client/v1/media/download/${upload.body.content_uri.slice("mxc://".length)}`;
    const one_time_keys = { "curve25519:AAAAAQ": "zKbLg+NrIjpnagy+pIY6uPL4ZwEG2v+8F9lmgsnlZzs" };
    const { body } = await request(url, "_matrix/client/v3/keys/upload", { token, body: { one_time_keys } });
    expect(body.one_time_key_counts).toMatchObject({ curve25519: 1 });
    await backUp({ dir, file });
  });
  afterAll(async () => {
    for (const name of ["original", "restored", "again"]) await stopLocal(join(parent, name));
    await rm(parent, { recursive: true, force: true });
  });

  test("is for its owner alone", async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(parent)).sort()).toEqual(["backup.tar", "original"]);
  });

  test("becomes a homeserver that knows accounts, tokens, messages and files; keys that are for one use are not used twice", async () => {
    const before = await request(homeserver.url, messages, { token });
    const restored = join(parent, "restored");
    await restoreBackup({ file, dir: restored });
    await using copy = await startLocal({ dir: restored, cache, port: 0 });
    const after = await request(copy.url, messages, { token });
    expect(after.body.chunk.length).toBeGreaterThan(20);
    expect(after.body.chunk.map(withoutAge)).toEqual(before.body.chunk.map(withoutAge));
    const download = await fetch(new URL(mediaPath, copy.url), { headers: { Authorization: `Bearer ${token}` } });
    expect(Buffer.from(await download.arrayBuffer()).equals(media)).toBe(true);
    expect(await login(copy.url, "ada")).toBeTypeOf("string");
    const { body } = await request(copy.url, "_matrix/client/v3/keys/upload", { token, body: {} });
    expect(body.one_time_key_counts.curve25519 ?? 0).toBe(0);
    for (const secret of ["signing.key", "registration", "macaroon", "postgres"]) {
      const path = join("secrets", secret);
      expect(await readFile(join(restored, path))).toEqual(await readFile(join(dir, path)));
      expect((await stat(join(restored, path))).mode & 0o777).toBe(0o600);
    }
  });

  test("holds every row and every file: a backup of what was restored is the same", async () => {
    await homeserver.close();
    const [first, second, again] = ["first.tar", "second.tar", "again"].map((name) => join(parent, name)) as [
      string,
      string,
      string,
    ];
    await backUp({ dir, file: first });
    await restoreBackup({ file: first, dir: again });
    await backUp({ dir: again, file: second });
    expect(await contents(second)).toEqual(await contents(first));
  });

  test("is not restored over something", async () => {
    await expect(restoreBackup({ file, dir })).rejects.toMatchObject({ code: "NOT_EMPTY" });
  });

  test.each<[string, (bad: string) => Promise<void>]>([
    ["cut short", async (bad) => await truncate(bad, 200_000)],
    ["with a byte changed", flipByte],
    ["that is something else", async (bad) => await writeFile(bad, "hello")],
  ])("%s is refused, and nothing is left of the attempt", async (_, damage) => {
    const bad = join(parent, "bad.tar");
    await cp(file, bad);
    await damage(bad);
    const before = await readdir(parent);
    await expect(restoreBackup({ file: bad, dir: join(parent, "nothing") })).rejects.toMatchObject({
      code: "BACKUP_CORRUPT",
    });
    expect(await readdir(parent)).toEqual(before);
  });

  /** Everything in a backup; its database as SQL, without what is random in it. */
  async function contents(archive: string): Promise<{ files: Record<string, string>; sql: string }> {
    const folder = `${archive}.contents`;
    await mkdir(folder);
    await tar.extract({ file: archive, cwd: folder });
    const manifest = JSON.parse(await readFile(join(folder, ".backup", "manifest.json"), "utf8"));
    const { ".backup/database.dump": _, ...files } = manifest.files;
    const program = findProgram("pg_restore", postgresFolders()) ?? "pg_restore";
    const dump = join(folder, ".backup", "database.dump");
    const { stdout } = await run(program, ["-f", "-", dump], { maxBuffer: 64 * 1024 * 1024 });
    return { files, sql: stdout.replaceAll(/^\\(un)?restrict .*$/gm, "") };
  }
});

describe.skipIf(peer("synapse") === null)("a backup of SQLite", () => {
  test("becomes a homeserver with the same accounts", async () => {
    const parent = await newFolder();
    const dir = join(parent, "original");
    const restored = join(parent, "restored");
    try {
      await writeDeployment({ dir, config: { serverName: "example.test" } });
      const homeserver = await startLocal({ dir, cache, port: 0, database: "sqlite" });
      expect(homeserver.database).toContain("SQLite");
      await registerUser({ url: homeserver.url, secret: await registrationSecret(dir), username: "ada", password });
      const { file } = await backUp({ dir });
      await homeserver.close();
      await restoreBackup({ file, dir: restored });
      await using copy = await startLocal({ dir: restored, cache, port: 0 });
      expect(await login(copy.url, "ada")).toBeTypeOf("string");
    } finally {
      for (const each of [dir, restored]) await stopLocal(each);
      await rm(parent, { recursive: true, force: true });
    }
  });

  test("of a deployment that never ran says so", async () => {
    const dir = await newFolder();
    await writeDeployment({ dir, config: { serverName: "example.test" } });
    await expect(backUp({ dir })).rejects.toMatchObject({ code: "NEVER_RAN" });
    await rm(dir, { recursive: true });
  });
});

function withoutAge(event: { event_id: string; type: string; content: unknown }): object {
  const { event_id, type, content } = event;
  return { event_id, type, content };
}

/** In the middle of the largest file, where tar has no checksum of its own. */
async function flipByte(file: string): Promise<void> {
  const bytes = await readFile(file);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(file, bytes);
}
