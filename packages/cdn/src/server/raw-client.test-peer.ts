/** A raw TCP client for tests: says what it is told, byte for byte. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** One connection. */
export interface RawClient extends Disposable {
  readonly socket: Socket;
  write(text: string): void;
  /** Resolves with all that was received when `pattern` matches it; rejects when the connection ends first. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with all that was received when the server closes. */
  closed(): Promise<string>;
}

/** Connects to a server of a test. */
export async function connectRaw(port: number): Promise<RawClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let received = "";
  let ended = false;
  let check = (): void => {};
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    check();
  });
  // A reset is one way for a server to close.
  socket.on("error", () => {});
  socket.on("close", () => {
    ended = true;
    check();
  });
  await once(socket, "connect");
  return {
    socket,
    write: (text) => void socket.write(text, "latin1"),
    until: (pattern) =>
      new Promise((resolve, reject) => {
        check = () => {
          if (pattern.test(received)) resolve(received);
          else if (ended) reject(new Error(`the server closed after ${JSON.stringify(received)}`));
        };
        check();
      }),
    closed: () =>
      new Promise((resolve) => {
        check = () => {
          if (ended) resolve(received);
        };
        check();
      }),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
