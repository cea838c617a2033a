/** What a config turns on beside the cache: steering, reports of players, what the edge says of itself, caps of connections. */

import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { configFile, program, startOrigin } from "./program.test-setup.ts";

const upstreams = ["http://127.0.0.1:1"];

async function askSteering(url: string): Promise<{ first: string; ttl: number; status: number }> {
  const response = await fetch(`${url}/steering?_HLS_pathway=a`);
  const document = (await response.json()) as { "PATHWAY-PRIORITY": string[]; TTL: number };
  return { first: document["PATHWAY-PRIORITY"][0]!, ttl: document.TTL, status: response.status };
}

test("steers players away from an edge that fails, by its health", async () => {
  const [origin, ill] = [await startOrigin(), await startOrigin(() => new Response(null, { status: 503 }))];
  const well = await program({ upstreams: [origin.url] });
  const edge = await program({
    upstreams,
    steering: {
      path: "/steering",
      pathways: [
        { id: "a", healthUrl: `${ill.url}/readyz`, weight: 1000 },
        { id: "b", healthUrl: `${well.adminUrl}/readyz` },
      ],
      ttl: "1min",
      degradedTtl: "5s",
      healthInterval: "10ms",
    },
  });
  await expect.poll(() => askSteering(edge.url)).toEqual({ first: "b", ttl: 5, status: 200 });
});

test("steers otherwise from a reload on, behind its guards", async () => {
  const { file, write } = await configFile();
  const steering = (id: string) => ({ path: "/steering", pathways: [{ id }] });
  await write({ upstreams, steering: steering("a") });
  const edge = await program({}, { file });
  expect((await askSteering(edge.url)).first).toBe("a");
  await write({ upstreams, steering: steering("b") });
  expect(await edge.reload()).toEqual({ changed: ["steering"], restart: [] });
  expect((await askSteering(edge.url)).first).toBe("b");
  await write({ upstreams, steering: steering("b"), guard: { addresses: { deny: ["127.0.0.1"] } } });
  await edge.reload();
  expect((await fetch(`${edge.url}/steering`)).status).toBe(403);
  await write({ upstreams });
  await edge.reload();
  expect((await fetch(`${edge.url}/steering`)).status).toBe(502);
});

test("counts what players report by themselves, with or without what they say with requests", async () => {
  const { file, write } = await configFile();
  await write({ upstreams, live: { cmcd: false } });
  const edge = await program({ name: "reports" }, { file });
  await write({ upstreams, live: { cmcd: false, cmcdReports: { path: "/cmcd", maxBodyBytes: 100 } } });
  expect(await edge.reload()).toEqual({ changed: ["live"], restart: [] });
  const report = (body: string) =>
    fetch(`${edge.url}/cmcd`, { method: "POST", body, headers: { "content-type": "application/cmcd" } });
  expect((await report('e=ps,sid="s",sta=r,ts=1764325000000,v=2')).status).toBe(204);
  expect((await report("x".repeat(101))).status).toBe(413);
  expect(await edge.metrics()).toMatch(/^ami_edge_cmcd_reports_total\{.*ami_edge_name="reports".*\} 1$/m);
});

test("says of itself on its answers, where it is to, from a reload on", async () => {
  const origin = await startOrigin();
  const { file, write } = await configFile();
  await write({ upstreams: [origin.url] });
  const edge = await program({ name: "edge-1" }, { file });
  const said = async () => (await fetch(`${edge.url}/a`)).headers.get("cmsd-dynamic");
  expect(await said()).toBeNull();
  await write({ upstreams: [origin.url], live: { cmsd: true } });
  await edge.reload();
  expect(await said()).toBe('"edge-1"');
  expect((await fetch(`${edge.url}/b`)).headers.get("cmsd-dynamic")).toMatch(/^"edge-1";rd=\d+$/);
});

test("caps the connections of an address, those that are open before it is told to, too, but not those of proxies", async () => {
  const origin = await startOrigin();
  const { file, write } = await configFile();
  await write({ upstreams: [origin.url] });
  const edge = await program({}, { file });
  const dial = async () => {
    const socket = connect(Number(new URL(edge.url).port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    return await Promise.race([once(socket, "data").then(() => "served"), once(socket, "close").then(() => "refused")]);
  };
  expect([await dial(), await dial()]).toEqual(["served", "served"]);
  const guard = { connections: { perAddress: 3 } };
  await write({ upstreams: [origin.url], guard });
  await edge.reload();
  expect([await dial(), await dial()]).toEqual(["served", "refused"]);
  await write({ upstreams: [origin.url], guard: { connections: { perAddress: 3, exempt: ["no network"] } } });
  await expect(edge.reload()).rejects.toThrow("no network");
  expect(await dial()).toBe("refused");
  await write({ upstreams: [origin.url], guard: { ...guard, trustProxies: { proxies: ["127.0.0.1"] } } });
  await edge.reload();
  expect(await dial()).toBe("served");
});
