/** The samples of the guides and of the edge's README, as readers paste them: complete, of the right types, and serving on where they serve. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const README = "packages/cdn/README.md";

/** A ```ts fence of a page. */
interface Sample {
  /** Relative to the repository. */
  readonly page: string;
  /** Of the page, where its code begins; from 1. */
  readonly line: number;
  readonly code: string;
}

const guides = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md"));
const pages = [README, ...guides.map((name) => `docs/${name}`)];
const samples = (await Promise.all(pages.map(samplesOf))).flat();

test("samples have their imports, and are of the right types", () => {
  expect(samples.length).toBeGreaterThan(15);
  expect(problemsOf(samples)).toEqual([]);
});

test("what a guide's sample starts keeps running", () => {
  const ending = samples.filter(({ page, code }) => page !== README && endsAtOnce(code));
  expect(ending.map(placeOf)).toEqual([]);
});

async function samplesOf(page: string): Promise<Sample[]> {
  const text = await readFile(join(root, page), "utf8");
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(({ index, 1: code = "" }) => ({
    page,
    line: text.slice(0, index).split("\n").length + 1,
    code,
  }));
}

function placeOf({ page, line }: Sample, lines = 0): string {
  return `${page}:${line + lines}`;
}

/** `using` closes what it holds when the module has been evaluated, unless that goes on in a loop. */
function endsAtOnce(code: string): boolean {
  return /Server\(|startEdgeProgram\(/.test(code) && /^(?:await )?using /m.test(code) && !/^for await/m.test(code);
}

/** Checks all samples as modules of this folder, none of which is written to disk. */
function problemsOf(checked: readonly Sample[]): string[] {
  const config = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const files = new Map(checked.map((sample, at) => [join(root, "tests", `sample-${at}.ts`), sample]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile: read } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name)?.code ?? read(name);
  const program = ts.createProgram([...files.keys()], options, host);
  const inSamples = [...files.keys()].map((name) => program.getSourceFile(name)!);
  return inSamples.flatMap((source) => {
    const sample = files.get(source.fileName)!;
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ start = 0, messageText }) => {
      const place = placeOf(sample, source.getLineAndCharacterOfPosition(start).line);
      return `${place}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
  });
}
