/** One edge of the purge benchmark: purges over HTTP and with its peers, in a process of its own; ends on SIGTERM. */

import { once } from "node:events";
import { createPurgeApi, createPurges, createServer, type FetchHandler } from "@ami-streams/cdn";

const { self, port, peers, folder, secret, token } = JSON.parse(process.argv[2]!);
await using purges = await createPurges({ folder, network: { self, peers, secret } });
const api = createPurgeApi({ purges, tokens: [token] });
const handler: FetchHandler = (request, connection) =>
  new URL(request.url).pathname.startsWith("/.ami/purge/")
    ? purges.handle(request, connection)
    : api(request, connection);
await using _server = await createServer({ handler, port, host: "127.0.0.1" });
await once(process, "SIGTERM");
