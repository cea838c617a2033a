/** What the doctor says of homeservers that are not as they should be. */

import { createServer, type RequestListener, type Server } from "node:http";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { all } from "../homeserver.test-setup.ts";
import { examine, type Finding } from "../index.ts";
import { bindingRequest, isBindingResponse } from "./stun.ts";

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

/** Findings about a server that answers each path with a status and a body. */
async function findingsOf(
  answers: Record<string, [status: number, body: unknown, headers?: Record<string, string>]>,
): Promise<Finding[]> {
  return await findingsWith((request, response) => {
    const [status, body, headers] = answers[request.url ?? ""] ?? [404, { errcode: "M_UNRECOGNIZED" }];
    response.writeHead(status, headers);
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
}

async function findingsWith(listener: RequestListener): Promise<Finding[]> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const { port } = started.address() as { port: number };
  const connectTo = { "chat.example.test:80": `127.0.0.1:${port}` };
  return await all(examine({ server: "http://chat.example.test", connectTo }));
}

const good = { "/_matrix/client/versions": [200, { versions: ["v1.1", "v1.12"] }] } as const;

test("a homeserver that is as it should be gets good words alone", async () => {
  const findings = await findingsOf({
    "/_matrix/client/versions": [...good["/_matrix/client/versions"]],
    "/_matrix/client/v3/register": [403, { errcode: "M_FORBIDDEN" }],
  });
  expect(findings.map(({ check, level }) => `${check} ${level}`)).toEqual([
    "client-api ok",
    "clock ok",
    "registration ok",
    "admin-api ok",
    "media skipped",
    "turn skipped",
  ]);
});

test.each<[string, Record<string, [number, unknown, Record<string, string>?]>, Partial<Finding>]>([
  [
    "an admin API in the open",
    { "/_synapse/admin/v1/server_version": [200, { server_version: "1.0" }] },
    { check: "admin-api", level: "failure" },
  ],
  [
    "an admin API that asks for a token",
    { "/_synapse/admin/v1/server_version": [401, { errcode: "M_MISSING_TOKEN" }] },
    { check: "admin-api", level: "failure" },
  ],
  [
    "registration for everybody",
    { "/_matrix/client/v3/register": [401, { flows: [{ stages: ["m.login.dummy"] }] }] },
    { check: "registration", level: "failure" },
  ],
  [
    "registration with one way for everybody",
    { "/_matrix/client/v3/register": [401, { flows: [{ stages: ["m.login.registration_token"] }, { stages: [] }] }] },
    { check: "registration", level: "failure" },
  ],
  [
    "registration by token",
    { "/_matrix/client/v3/register": [401, { flows: [{ stages: ["m.login.registration_token", "m.login.dummy"] }] }] },
    { check: "registration", level: "ok" },
  ],
  [
    "a clock an hour off",
    {
      "/_matrix/client/versions": [
        200,
        { versions: ["v1.1"] },
        { Date: new Date(Date.now() - 3_600_000).toUTCString() },
      ],
    },
    { check: "clock", level: "failure" },
  ],
])("%s is told", async (_, answers, expected) => {
  const findings = await findingsOf({ "/_matrix/client/versions": [...good["/_matrix/client/versions"]], ...answers });
  expect(findings).toContainEqual(expect.objectContaining(expected));
});

test.each<[string, [number, unknown]]>([
  ["a web page", [200, "<html>It works!</html>"]],
  ["an array", [200, [1, 2]]],
  ["no versions", [200, {}]],
  ["an error of the proxy", [502, "bad gateway"]],
  ["more than anybody wants to read", [200, "x".repeat(2 * 1024 * 1024)]],
])("%s instead of a homeserver is one failure", async (_, [status, body]) => {
  const findings = await findingsOf({ "/_matrix/client/versions": [status, body] });
  expect(findings.map(({ check, level }) => `${check} ${level}`)).toEqual(["client-api failure"]);
});

test("a server that hangs up is a finding, and no error", async () => {
  const findings = await findingsWith((request) => request.socket.destroy());
  expect(findings).toMatchObject([
    { check: "client-api", level: "failure", advice: expect.stringContaining("start the homeserver") },
  ]);
});

test("what is no name of a server is refused", async () => {
  await expect(all(examine({ server: "not a name" }))).rejects.toMatchObject({ code: "INVALID_CONFIG" });
});

test("an examination can be stopped", async () => {
  const stopped = examine({ server: "example.test", signal: AbortSignal.abort() });
  await expect(all(stopped)).rejects.toThrow("abort");
});

describe("STUN", () => {
  const transaction = new Uint8Array(12).fill(7);

  test("a request is a header of twenty bytes", () => {
    expect(Buffer.from(bindingRequest(transaction)).toString("hex")).toBe(`000100002112a442${"07".repeat(12)}`);
  });

  test("property: nothing but the answer to the request is taken for it, and nothing throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(isBindingResponse(bytes, transaction)).toBe(false);
      }),
    );
    expect(isBindingResponse(Buffer.from(`010100042112a442${"07".repeat(12)}00000000`, "hex"), transaction)).toBe(true);
    expect(isBindingResponse(Buffer.from(`010100042112a442${"07".repeat(12)}`, "hex"), transaction)).toBe(false);
    expect(isBindingResponse(Buffer.from(`010100002112a442${"08".repeat(12)}`, "hex"), transaction)).toBe(false);
  });
});
