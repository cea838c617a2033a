import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { makeFolder } from "./make-folder.ts";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "make-folder-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

test("makes a folder and those above it, however many want it, and leaves one that is there", async () => {
  const path = join(await folder(), "a", "b", "c");
  await Promise.all([makeFolder(path), makeFolder(path)]);
  await makeFolder(path);
  expect((await stat(path)).isDirectory()).toBe(true);
});

test("says what keeps it from it", async () => {
  const file = join(await folder(), "file");
  await writeFile(file, "");
  await expect(makeFolder(file)).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeFolder(join(file, "below"))).rejects.toMatchObject({
    code: expect.stringMatching(/^E(NOTDIR|EXIST)$/),
  });
});

test.skipIf(process.platform !== "linux")("ends below a folder that takes none", async () => {
  await expect(makeFolder("/proc/nothing/such")).rejects.toMatchObject({ code: "ENOENT", path: "/proc/nothing" });
});
