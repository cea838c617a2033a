import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findConfigFile, readConfigFile } from "./config-file.ts";
import { loadConfig } from "./load-config.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edge-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
async function file(extension: string, text: string): Promise<string> {
  count += 1;
  const path = join(folder, dirname(extension), `${count}.${basename(extension)}`);
  await writeFile(path, text);
  return path;
}

describe("a config file", () => {
  test.each([
    ["json", '{ "port": 1 }'],
    ["ts", "const port: number = 1;\nexport default { port } satisfies object;"],
    ["mts", "export default { port: 1 as number };"],
    ["mjs", "export default await Promise.resolve({ port: 1 });"],
  ])("may be written in %s", async (extension, text) => {
    expect(await readConfigFile(await file(extension, text))).toEqual({ port: 1 });
  });

  test("may be a module though its folder says CommonJS, as npm init has it say, or be CommonJS", async () => {
    await mkdir(join(folder, "commonjs"));
    await writeFile(join(folder, "commonjs", "package.json"), '{ "type": "commonjs" }');
    const imported = await file("commonjs/part.ts", "export const port: number = 1;");
    const importing = `import { port } from ${JSON.stringify(imported)};\nexport default { port };`;
    for (const extension of ["js", "ts"]) {
      expect(await readConfigFile(await file(`commonjs/a.${extension}`, importing))).toEqual({ port: 1 });
      expect(await readConfigFile(await file(`commonjs/b.${extension}`, "module.exports = { port: 2 };"))).toEqual({
        port: 2,
      });
    }
  });

  test("is read anew each time, with what it imports", async () => {
    const imported = await file("mjs", "export const port = 1;");
    const path = await file(
      "mjs",
      `export { port } from ${JSON.stringify(imported)};
      import { port } from ${JSON.stringify(imported)}; export default { port };`,
    );
    expect(await readConfigFile(path)).toEqual({ port: 1 });
    await writeFile(imported, "export const port = 2;");
    expect(await readConfigFile(path)).toEqual({ port: 2 });
  });

  test("names files relative to itself", async () => {
    const path = await file(
      "json",
      JSON.stringify({
        tls: { cert: "cert.pem", key: "/etc/key.pem" },
        log: { file: "-" },
        upstreams: ["http://a", { url: "http://b", tls: { ca: ["a.pem", "b.pem"] } }],
      }),
    );
    expect(await readConfigFile(path)).toEqual({
      tls: { cert: join(folder, "cert.pem"), key: "/etc/key.pem" },
      log: { file: "-" },
      upstreams: ["http://a", { url: "http://b", tls: { ca: [join(folder, "a.pem"), join(folder, "b.pem")] } }],
    });
  });

  test.each([
    ["json", "{ port: 1 }", "is no JSON: "],
    ["ts", "export const port = 1;", "it has no default export: write export default defineEdgeConfig"],
    ["ts", "export default { port: () => 1 };", "it must be plain data: "],
    ["ts", "throw new Error('no secret in the environment');", "no secret in the environment"],
    ["ts", "export default {\n  port: 1\n  host: 2\n};", "cannot be read: line 3: "],
    ["mjs", "export default {\n  port: 1\n  host: 2\n};", "cannot be read: line 3: "],
    ["mjs", "\nexport default { port: nothing };", "cannot be read: line 2: nothing is not defined"],
    ["ts", "import './missing.ts'; export default {};", "cannot be read: Cannot find module"],
    ["mjs", "process.exit(3);", "it ended the process"],
  ])("of %s with %j says why it cannot be read", async (extension, text, why) => {
    const path = await file(extension, text);
    await expect(readConfigFile(path)).rejects.toThrow(why);
    await expect(readConfigFile(path)).rejects.toThrow(path);
  });

  test.each(["json", "ts"])("that is not there is told by name (%s)", async (extension) => {
    const path = join(folder, `nothing.${extension}`);
    await expect(readConfigFile(path)).rejects.toThrow(`there is no config file ${path}`);
  });

  test("is found in a folder by its name, TypeScript first", async () => {
    expect(findConfigFile(folder)).toBeUndefined();
    await writeFile(join(folder, "ami-edge.config.json"), "{}");
    await writeFile(join(folder, "ami-edge.config.ts"), "export default {};");
    expect(findConfigFile(folder)).toBe(join(folder, "ami-edge.config.ts"));
  });

  test("counts less than the command line, field by field", async () => {
    const path = await file(
      "json",
      '{ "upstreams": ["http://a"], "log": { "format": "json", "sample": 0.5 }, "port": 1 }',
    );
    const config = await loadConfig({ file: path, flags: { port: 2, log: { sample: 1 } } });
    expect(config).toMatchObject({ port: 2, log: { format: "json", sample: 1 }, upstreams: [{ url: "http://a" }] });
  });

  test("with several faults tells the first, and that there are more", async () => {
    const path = await file("json", '{ "upstreams": ["a"], "port": -1 }');
    await expect(loadConfig({ file: path, flags: {} })).rejects.toThrow(
      `${path}: port: must be a whole number from 0 to 65535 (and 1 more: ami-edge check lists them)`,
    );
  });
});
