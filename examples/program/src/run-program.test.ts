import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

/** A program of its own, whose first line has been printed. */
async function program(start: string) {
  const code = `import { runProgram } from ${JSON.stringify(new URL("./run-program.ts", import.meta.url).href)};
    await runProgram(async (opened) => { ${start} });`;
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "--eval", code], { stdio: "pipe" });
  const output = { out: "", err: "" };
  child.stdout.on("data", (data) => {
    output.out += data;
  });
  child.stderr.on("data", (data) => {
    output.err += data;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, output, ended };
}

test.each(["SIGINT", "SIGTERM"] as const)("a program closes what it opened, the last first, on %s", async (signal) => {
  const { child, output, ended } = await program(`
    setInterval(() => {}, 1000);
    opened.defer(() => { console.log("first"); process.exit(); });
    opened.defer(async () => console.log("second"));
    return "serving";`);
  await once(child.stdout, "data");
  child.kill(signal);
  expect(await ended).toBe(0);
  expect(output).toEqual({ out: "serving\nsecond\nfirst\n", err: "" });
});

test("a failure is told in a line, and what was opened is closed all the same", async () => {
  const { output, ended } = await program(`
    opened.defer(() => console.log("closed"));
    throw new Error("port 80 is taken");`);
  expect(await ended).toBe(1);
  expect(output).toEqual({ out: "closed\n", err: "✗ port 80 is taken\n" });
});

test("a signal while it starts ends it at once", async () => {
  const { child, output, ended } = await program(`
    setInterval(() => {}, 1000);
    console.log("starting");
    await new Promise(() => {});
    return "serving";`);
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  expect(await ended).toBe(143);
  expect(output).toEqual({ out: "starting\n", err: "" });
});
