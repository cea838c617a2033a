/** An edge behind guards, in a process of its own: prints its URL, a signed path for each object and one that is refused; ends on SIGTERM. */

import { once } from "node:events";
import {
  addressRules,
  bytesResponse,
  createEdge,
  createServer,
  hotlinks,
  rateLimit,
  signedUrls,
  signUrl,
  withGuards,
} from "@ami-streams/cdn";

const key = "a secret of the benchmark, nowhere else";
const edge = createEdge({
  upstreams: [
    (request) => {
      const size = Number(/(\d+)\.bin$/.exec(request.url)?.[1]);
      const headers = { "cache-control": "public, max-age=86400", date: new Date().toUTCString() };
      return bytesResponse(Buffer.alloc(size, 0x61), { headers });
    },
  ],
});
const handler = withGuards(
  edge.handle,
  addressRules({ deny: ["192.0.2.0/24"] }),
  hotlinks({ allow: ["tv.example"] }),
  rateLimit({ rules: [{ by: (request) => request.headers["x-client"], rate: 1, burst: 1 }] }),
  signedUrls({ keys: { k: key } }),
);
await using server = await createServer({ handler, port: 0, host: "127.0.0.1" });
const sign = (size: number): string =>
  signUrl(`/vod/${size}.bin`, { key, keyId: "k", expires: 2 ** 32, prefix: "/vod/" });
const paths = Object.fromEntries(process.argv.slice(2).map((size) => [size, sign(Number(size))]));
console.log(JSON.stringify({ url: server.url, paths }));
await once(process, "SIGTERM");
await edge.close();
