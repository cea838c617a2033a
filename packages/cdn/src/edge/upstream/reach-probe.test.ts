/** Whether an upstream is known to answer, without anybody's request. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { upstream } from "../edge.test-setup.ts";
import { ask } from "./upstream.test-setup.ts";
import { createUpstreams, type Upstreams, type UpstreamsOptions } from "./upstreams.ts";

const patient = { timeout: 10_000 };

function probed(options: UpstreamsOptions): Upstreams {
  const all = createUpstreams({ probe: true, ...options });
  onTestFinished(() => all.close());
  return all;
}

/** A port on which nobody listens, until `open` is called. */
async function closedPort() {
  const server = createServer((_request, response) => response.end("here"));
  const listen = async (port: number): Promise<number> => {
    await once(server.listen(port, "127.0.0.1"), "listening");
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  server.close();
  await once(server, "close");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${port}`, open: () => listen(port) };
}

test("an upstream is reachable when it has answered, and it is asked for that answer once", async () => {
  const asked: string[] = [];
  const url = await upstream(({ method, url: target }, response) => {
    asked.push(`${method} ${target}`);
    response.writeHead(404).end();
  });
  const all = probed({ upstreams: [url] });
  expect(all.stats[0]).toMatchObject({ reachable: false });
  await vi.waitFor(() => expect(all.stats[0]).toMatchObject({ reachable: true, requests: 0 }), patient);
  expect(asked).toEqual(["HEAD /"]);
});

test.each([502, 504])("a %i is no answer of the upstream itself", async (status) => {
  const url = await upstream((_request, response) => response.writeHead(status).end());
  const all = probed({ upstreams: [url], circuit: { failures: 1, share: 0.01 } });
  await vi.waitFor(() => expect(all.stats[0]).toMatchObject({ circuit: "open", reachable: false }), patient);
});

test("a health check that is good says so too, and nothing else is asked", async () => {
  const asked: string[] = [];
  const url = await upstream(({ method, url: target }, response) => {
    asked.push(`${method} ${target}`);
    response.end();
  });
  const all = probed({ upstreams: [{ url, health: { path: "/healthz" } }] });
  await vi.waitFor(() => expect(all.stats[0]).toMatchObject({ reachable: true }), patient);
  expect(asked).toEqual(["GET /healthz"]);
});

test("one that is not there is not reachable, half-open or not, until it is: nobody has to ask it", async () => {
  const { url, open } = await closedPort();
  const all = probed({ upstreams: [url], circuit: { failures: 1, share: 0.01, openFor: 1, maxOpenFor: 1 } });
  await expect(ask(all, "/a")).rejects.toMatchObject({ code: "UPSTREAM_UNREACHABLE" });
  await vi.waitFor(() => expect(all.stats[0]!.circuit).toBe("half-open"), { ...patient, interval: 1 });
  expect(all.stats[0]!.reachable).toBe(false);
  await open();
  await vi.waitFor(() => expect(all.stats[0]).toMatchObject({ circuit: "closed", reachable: true }), patient);
});

test("without probes it is reachable from the first answer to anybody", async () => {
  const all = probed({ upstreams: [await upstream((_request, response) => response.end("a"))], probe: false });
  expect(all.stats[0]!.reachable).toBe(false);
  expect(await ask(all, "/a")).toBe("200 a");
  expect(all.stats[0]!.reachable).toBe(true);
});
