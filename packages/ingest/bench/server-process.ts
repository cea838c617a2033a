/** One of the servers under test, in a process of its own: `ami-streams` or `node-media-server`. Tells its CPU time when asked. */

import { createRequire } from "node:module";
import { createRtmpServer } from "@ami-streams/ingest";

const [name, port, folder] = process.argv.slice(2);

if (name === "ami-streams") {
  const server = await createRtmpServer({ port: Number(port), host: "127.0.0.1" });
  void (async () => {
    for await (const publication of server.publications()) {
      void (async () => {
        for await (const _packet of publication.packets());
      })();
    }
  })();
} else {
  const require = createRequire(import.meta.url);
  const NodeMediaServer = require("node-media-server");
  // It has no consumer but the network, so nobody reads: what is measured is receiving and its GOP cache.
  const config = {
    bind: "127.0.0.1",
    rtmp: { port: Number(port) },
    store: { path: folder },
    auth: { play: false, publish: false },
  };
  new NodeMediaServer(config).run();
}

process.on("message", () => process.send?.(process.cpuUsage()));
process.send?.("ready");
