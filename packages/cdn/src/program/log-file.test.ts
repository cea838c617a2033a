import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "../logger.ts";
import { LOG_BUFFER_BYTES, openLogFile } from "./log-file.ts";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "edge-log-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

test("lines are written in their order, into a folder that is made", async () => {
  const path = join(await folder(), "made", "access.log");
  const log = await openLogFile(path, silentLogger);
  const lines = Array.from({ length: 5000 }, (_, at) => `line ${at}\n`);
  for (const line of lines) log.write(line);
  await log.close();
  await log.close();
  expect(await readFile(path, "utf8")).toBe(lines.join(""));
  expect(log).toMatchObject({ lines: 5000, dropped: 0 });
});

test("a file that was moved away is followed by one of its old name", async () => {
  const path = join(await folder(), "access.log");
  const log = await openLogFile(path, silentLogger);
  log.write("before\n");
  log.reopen();
  await expect.poll(() => readFile(path, "utf8")).toBe("before\n");
  await rename(path, `${path}.1`);
  log.reopen();
  log.write("after\n");
  await log.close();
  expect(await readFile(path, "utf8")).toBe("after\n");
  expect(await readFile(`${path}.1`, "utf8")).toBe("before\n");
});

test("lines that find no room are dropped and counted, not waited for", async () => {
  const path = join(await folder(), "access.log");
  const log = await openLogFile(path, silentLogger);
  const line = `${"x".repeat(16 * 1024 - 1)}\n`;
  const room = LOG_BUFFER_BYTES / line.length;
  // In one go: nothing can be written in between.
  for (let count = 0; count < 2 * room; count += 1) log.write(line);
  await log.close();
  const written = (await readFile(path, "utf8")).length / line.length;
  expect(log.lines).toBe(2 * room);
  expect(log.dropped).toBeGreaterThan(0);
  expect(written + log.dropped).toBe(log.lines);
});

test("a file that cannot be opened is told by name", async () => {
  const path = await folder();
  await expect(openLogFile(path, silentLogger)).rejects.toThrow(`the access log ${path} cannot be opened: EISDIR`);
});

test("a log that was closed takes lines, and loses them", async () => {
  const log = await openLogFile(join(await folder(), "access.log"), silentLogger);
  await log.close();
  log.write("x\n".repeat(20_000));
  log.reopen();
});
