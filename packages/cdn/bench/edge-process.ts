/**
 * The edge under load, in a process of its own: `node edge-process.ts <upstream> [<key> <certificate> [<options of createServer as JSON>]]`. Prints its URL,
 * and that of its TLS port where it is given key and certificate; ends on SIGTERM.
 */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createEdge, createServer } from "@ami-streams/cdn";

const [upstream = "", key = "", cert = "", options = "{}"] = process.argv.slice(2);
await using edge = createEdge({ upstreams: [upstream] });
const listen = { handler: edge.handle, port: 0, host: "127.0.0.1", backlog: 4096, ...JSON.parse(options) };
await using plain = await createServer(listen);
await using secure =
  key === "" || cert === ""
    ? undefined
    : await createServer({ ...listen, tls: { key: await readFile(key), cert: await readFile(cert) } });
console.log(secure === undefined ? plain.url : `${plain.url} ${secure.url}`);
await once(process, "SIGTERM");
