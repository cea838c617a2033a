import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { program, startOrigin, temporaryFolder } from "./program.test-setup.ts";

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly definition?: string }[] };
}

const dashboard = JSON.parse(
  await readFile(new URL("../../grafana/ami-edge.json", import.meta.url), "utf8"),
) as Dashboard;
const expressions = [
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ...dashboard.templating.list.flatMap(({ definition }) =>
    definition === undefined ? [] : [["variable", definition] as const],
  ),
];

test("the Grafana dashboard asks for metrics and labels that there are", async () => {
  const origin = await startOrigin((request) => {
    if (request.url.endsWith("/broken")) return new Response(null, { status: 500 });
    return new Response("x", { headers: { "cache-control": "max-age=60" } });
  });
  const disk = { path: await temporaryFolder(), size: "64MiB" };
  const edge = await program({ upstreams: [origin.url], disk });
  // A series is there when something has happened: a hit, a miss, a purge, and a player whose buffer was empty.
  const cmcd = `?CMCD=${encodeURIComponent('bl=100,bs,ot=v,sid="s"')}`;
  for (const path of ["/a", "/a", "/broken", `/a${cmcd}`]) await (await fetch(edge.url + path)).arrayBuffer();
  await edge.purge({ urls: ["/a"] });
  const labels = new Map<string, Set<string>>();
  for (const line of (await edge.metrics()).split("\n")) {
    const [, name, text] = /^(\w+)\{(.*)\} /.exec(line) ?? [];
    if (name === undefined || text === undefined) continue;
    const known = labels.get(name) ?? new Set(["instance"]);
    for (const [, label] of text.matchAll(/(\w+)="/g)) known.add(label!);
    labels.set(name, known);
  }
  expect(expressions.length).toBeGreaterThan(30);
  for (const [title, expression] of expressions) {
    const names = expression.match(/\bami_\w+(?=\{)|(?<=label_values\()\w+/g) ?? [];
    expect(names.length, `${title}: ${expression}`).toBeGreaterThan(0);
    for (const name of names) expect([...labels.keys()], title).toContain(name);
    const known = new Set(names.flatMap((name) => [...labels.get(name)!]));
    const selected = [...expression.matchAll(/[{,](\w+)(?:=~|!=|=)/g)].map(([, label]) => label!);
    const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/, */));
    const asked = /label_values\(\w+, (\w+)\)/.exec(expression)?.[1];
    for (const label of [...selected, ...grouped, ...(asked === undefined ? [] : [asked])]) {
      expect([...known], `${title}: ${expression}`).toContain(label);
    }
  }
});
