import { expect, test } from "vitest";
import { checkConfig } from "./config/check-config.ts";
import { tryConfig } from "./try-config.ts";

const tried = async (fields: object): Promise<readonly string[]> => {
  const { config, problems } = checkConfig({ upstreams: ["http://a"], ...fields });
  expect(problems).toBeUndefined();
  return await tryConfig(config!).then(
    () => [],
    (error: { problems: readonly string[] }) => error.problems,
  );
};

test("a config that can be had has no problems", async () => {
  expect(await tried({ steering: { path: "/s", pathways: [{ id: "a", healthUrl: "http://a/readyz" }] } })).toEqual([]);
});

test("each part that cannot be had is told, with its place", async () => {
  const problems = await tried({
    name: "a".repeat(65),
    upstreams: ["http://a", { url: "https://b", tls: { ca: "/nowhere/ca.pem" } }],
    tls: { cert: "/nowhere/cert.pem", key: "/nowhere/key.pem" },
    guard: {
      trustProxies: { proxies: ["no proxy"] },
      connections: { perAddress: 1, exempt: ["no network"] },
      countries: { file: "/nowhere/countries.mmdb", deny: ["DE"] },
      addresses: { deny: ["no address"] },
    },
    live: { cmsd: true },
    steering: { path: "/s", pathways: [{ id: "a b" }] },
  });
  expect(problems.map((problem) => problem.split(": ", 1)[0]).toSorted()).toEqual([
    "guard.addresses",
    "guard.connections",
    "guard.countries",
    "guard.trustProxies",
    "name",
    "steering",
    "tls.cert",
    "upstreams[1]",
  ]);
});
