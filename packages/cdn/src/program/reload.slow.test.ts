/** `ami-edge` as a process of its own that is told to read its config again while it is asked. */

import { once } from "node:events";
import { connect } from "node:tls";
import { peer } from "@ami-streams/testing";
import { describe, expect, test } from "vitest";
import { asking, saying, serving } from "./edge-program.test-peer.ts";
import { certificateFiles, configFile, startOrigin } from "./program.test-setup.ts";

/** Whose certificate a new connection is shown. */
async function nameAt(url: string): Promise<string | string[] | undefined> {
  const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

describe.each([1, 2])("SIGHUP (%d processes)", (processes) => {
  test.skipIf(peer("openssl") === null)("renews a certificate, and no request fails", async () => {
    const origin = await startOrigin();
    const { cert, key, issue } = await certificateFiles();
    await issue("edge-0");
    const { file, write } = await configFile();
    await write({ upstreams: [origin.url], processes, tls: { cert, key } });
    const edge = await serving(["--config", file]);
    const kept = asking(`${edge.url}/hot`, 4);
    const fresh = asking(`${edge.url}/hot`, 4, { keepAlive: false });
    for (let count = 1; count <= 5; count += 1) {
      await issue(`edge-${count}`);
      edge.child.kill("SIGHUP");
      await expect.poll(async () => (await edge.stats()).reloads.done, { timeout: 10_000, interval: 20 }).toBe(count);
      // Each process may be the one that takes it.
      for (let connection = 0; connection < 8; connection += 1) expect(await nameAt(edge.url)).toBe(`edge-${count}`);
    }
    for (const { answers, failures } of [await kept.stop(), await fresh.stop()]) {
      expect(failures).toEqual([]);
      expect(answers).toBeGreaterThan(50);
    }
  });

  test("takes another level for the program's log", async () => {
    const { file, write } = await configFile();
    const config = { upstreams: ["http://127.0.0.1:1"], processes, log: { level: "error" } };
    await write(config);
    const edge = await serving(["--config", file]);
    const reload = async (level: string): Promise<void> => {
      await write({ ...config, log: { level } });
      expect((await fetch(`${edge.admin}/reload`, { method: "POST" })).status).toBe(200);
    };
    const fail = async (): Promise<void> => {
      for (let count = 0; count < 8; count += 1) await (await fetch(`${edge.url}/${count}`)).arrayBuffer();
    };
    await fail();
    await reload("warn");
    expect(edge.output.err).toBe("");
    await fail();
    await saying(edge, "answered with an error");
  });
});
