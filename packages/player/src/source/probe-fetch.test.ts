import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { MAX_MANIFEST_SIZE, probe } from "./probe.ts";

async function serve(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/live/index.m3u8`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function signal(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

test("the media playlist is asked for where the multivariant one was found in the end", async () => {
  const media = "#EXTM3U\n#EXTINF:1,\n1.m4s\n";
  await using server = await serve(({ url }, response) => {
    if (url === "/live/index.m3u8") response.writeHead(302, { location: "/moved/here/index.m3u8" }).end();
    else if (url === "/moved/here/index.m3u8") response.end("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/a.m3u8\n");
    else if (url === "/moved/here/low/a.m3u8") response.end(media);
    else response.writeHead(404).end();
  });
  const answer = await probe({ url: server.url, format: "hls" }, new AbortController().signal);
  expect(answer).toEqual({ kind: "live", fingerprint: media });
});

test("a manifest without an end is read up to the limit, then its connection is cut", async () => {
  const cut = signal();
  let sent = 0;
  await using server = await serve((_, response) => {
    const chunk = Buffer.alloc(64 * 1024, "#EXTM3U\n");
    const more = () => {
      while (!response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) break;
      }
    };
    response.on("drain", more);
    response.on("close", cut.resolve);
    more();
  });
  const answer = await probe({ url: server.url, format: "hls" }, new AbortController().signal);
  expect(answer).toEqual({ kind: "absent" });
  await cut.promise;
  expect(sent).toBeGreaterThan(MAX_MANIFEST_SIZE);
});

test("whoever stops waiting hears so at once, and an answer that is on its way is dropped", async () => {
  const asked = signal();
  const dropped = signal();
  await using server = await serve((_, response) => {
    response.on("close", dropped.resolve);
    asked.resolve();
  });
  const waiting = new AbortController();
  const answer = probe({ url: server.url, format: "hls" }, waiting.signal);
  await asked.promise;
  waiting.abort(new Error("gone"));
  await expect(answer).rejects.toThrow("gone");
  await dropped.promise;
});
