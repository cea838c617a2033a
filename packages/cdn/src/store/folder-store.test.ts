/** Objects as files. */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { bytes, testObjectStore, text } from "./contract.test-suite.ts";
import { createFolderStore } from "./folder-store.ts";

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), "folder-store-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let made = 0;

function freshFolder(): string {
  made += 1;
  return join(folder, String(made));
}

testObjectStore("a folder store", async () => createFolderStore(freshFolder()));

test("a symbolic link that leads out of the folder is no way out", async () => {
  const root = freshFolder();
  const outside = freshFolder();
  await mkdir(root);
  await mkdir(outside);
  await writeFile(join(outside, "secret"), "secret");
  await symlink(outside, join(root, "link"));
  await symlink(join(outside, "secret"), join(root, "file"));
  const store = createFolderStore(root);
  const refusal = expect.objectContaining({ code: "INVALID_KEY" });
  await expect(store.get("link/secret")).rejects.toEqual(refusal);
  await expect(store.get("file")).rejects.toEqual(refusal);
  await expect(store.put("link/new", bytes("x"))).rejects.toEqual(refusal);
  await expect(store.delete("link/secret")).rejects.toEqual(refusal);
  expect(await readdir(outside)).toEqual(["secret"]);
});

test("files put there by other means are objects, folders are not", async () => {
  const root = freshFolder();
  await mkdir(join(root, "clip"), { recursive: true });
  await writeFile(join(root, "clip", "a.mp4"), "video");
  const store = createFolderStore(root);
  expect(await store.head("clip/a.mp4")).toMatchObject({ size: 5, contentType: "video/mp4" });
  expect(await store.head("clip")).toBeNull();
  expect(await store.head("clip/a.mp4/b")).toBeNull();
});

test("an object replaced between asking and reading is an error, not a mixture", async () => {
  const store = createFolderStore(freshFolder());
  await store.put("a", bytes("first"));
  const object = await store.get("a");
  await store.put("a", bytes("other"));
  await expect(text(object!.body)).rejects.toMatchObject({ code: "OBJECT_CHANGED" });
  const again = await store.get("a");
  await store.delete("a");
  await expect(text(again!.body)).rejects.toMatchObject({ code: "OBJECT_CHANGED" });
});

test("a reader that has begun reads on what it began, though it is replaced", async () => {
  const store = createFolderStore(freshFolder());
  await store.put("a", bytes("a".repeat(600_000)));
  const reader = (await store.get("a"))!.body[Symbol.asyncIterator]();
  let size = (await reader.next()).value?.byteLength ?? 0;
  await store.put("a", bytes("b"));
  for (let next = await reader.next(); !next.done; next = await reader.next()) {
    expect(next.value[0]).toBe(0x61);
    size += next.value.byteLength;
  }
  expect(size).toBe(600_000);
});

test("a put that fails leaves no temporary file", async () => {
  const root = freshFolder();
  const store = createFolderStore(root);
  await store.put("folder/a", bytes("x"));
  await expect(store.put("folder", bytes("x"))).rejects.toMatchObject({ code: "STORE_FAILED" });
  expect(await readdir(join(root, ".tmp"))).toEqual([]);
});

test.skipIf(process.platform === "win32")("no space left is an error of its own, and leaves nothing", async () => {
  const root = freshFolder();
  const store = JSON.stringify(new URL("folder-store.ts", import.meta.url).href);
  // A limit on file size stands in for a full disk: the same write fails in the same place.
  const script = `
    process.on("SIGXFSZ", () => {});
    const { createFolderStore } = await import(${store});
    const store = createFolderStore(${JSON.stringify(root)});
    await store.put("small", new Uint8Array(10));
    await store.put("large", new Uint8Array(1_000_000)).catch((error) => console.log(error.name, error.code));
  `;
  const { stdout } = await run("sh", [
    "-c",
    'ulimit -f 64; exec "$0" --no-warnings --input-type=module -e "$1"',
    process.execPath,
    script,
  ]);
  expect(stdout).toBe("CdnError STORE_FULL\n");
  expect(await readdir(root)).toEqual([".tmp", "small"]);
  expect(await readdir(join(root, ".tmp"))).toEqual([]);
});
