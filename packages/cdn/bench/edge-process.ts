/** The edge under load, in a process of its own: prints its URL, ends on SIGTERM. */

import { once } from "node:events";
import { createEdge, createServer } from "@ami-streams/cdn";

await using edge = createEdge({ upstreams: [process.argv[2] ?? ""] });
await using server = await createServer({ handler: edge.handle, port: 0, host: "127.0.0.1" });
console.log(server.url);
await once(process, "SIGTERM");
