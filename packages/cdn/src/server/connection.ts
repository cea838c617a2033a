/** Who is on the other end of a socket. */

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Connection } from "../handler/fetch-handler.ts";

/** Facts of a socket, taken once per connection. */
export function connectionOf(socket: Socket, protocol: Connection["protocol"]): Connection {
  const facts = { remoteAddress: socket.remoteAddress ?? "", remotePort: socket.remotePort ?? 0, protocol };
  if (!(socket instanceof TLSSocket)) return facts;
  const serverName: unknown = socket.servername;
  return {
    ...facts,
    tls: {
      version: socket.getProtocol() ?? "",
      cipher: socket.getCipher().name,
      serverName: typeof serverName === "string" ? serverName : undefined,
    },
  };
}
