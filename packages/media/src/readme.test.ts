import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runReadmeExample } from "@ami-streams/testing";
import { expect, test } from "vitest";

const packageUrl = new URL("..", import.meta.url);

test("the first example of the README runs as printed", async () => {
  const { stdout } = await runReadmeExample(packageUrl);
  expect(stdout).toBe("avc1.64001f 1280x720 25\ninit.mp4 666\n1.m4s 1108\n");
});

test("so do the others, each in a file of its own", async () => {
  const readme = await readFile(new URL("README.md", packageUrl), "utf8");
  const [, ...examples] = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code!);
  const folder = await mkdtemp(fileURLToPath(new URL("src/.readme-", packageUrl)));
  try {
    const names = examples.map((_, index) => `./${index}.ts`);
    await Promise.all(names.map((name, index) => writeFile(`${folder}/${name}`, examples[index]!)));
    await writeFile(`${folder}/all.ts`, names.map((name) => `await import("${name}");\n`).join(""));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@ami-streams/source", "--no-warnings", `${folder}/all.ts`],
      { timeout: 60_000 },
    );
    expect(stdout).toBe(`avc1.64001f 47
000000046588840a
mp4a.40.2
0 300
1024 300
init.mp4
1 must, 0 should
MUST   media: a live playlist has no EXT-X-PROGRAM-DATE-TIME
       program-date-time, Apple HLS Authoring Specification 8.4; RFC 8216bis Appendix B.1

utc-timing: a dynamic MPD has no UTCTiming, and clients' clocks are wrong
MALFORMED 2 line 2: EXT-X-TARGETDURATION is no decimal-integer: "two"
`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
