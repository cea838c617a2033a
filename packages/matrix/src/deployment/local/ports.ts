/** TCP ports of the loopback address. */

import { createServer } from "node:net";
import { MatrixError } from "../../errors.ts";

/**
 * A port that nothing listens on: the one asked for, or any for 0.
 *
 * @throws {MatrixError} `PORT_TAKEN`
 */
export async function freePort(port: number): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === "EADDRINUSE";
      const message = taken
        ? `port ${port} is taken: stop what uses it, or give another one`
        : `port ${port}: ${cause.message}`;
      reject(new MatrixError(taken ? "PORT_TAKEN" : "START_FAILED", message, { cause }));
    });
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}
