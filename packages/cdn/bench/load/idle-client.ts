/**
 * Clients that ask once and rest, a program of its own: `node idle-client.ts <url> <source addresses>`, the latter as
 * the first three numbers of them. Each line it reads is how many more to
 * connect; it answers with a line when they rest. Prints `lost` when the server ends one.
 */

import { connect } from "node:net";
import { createInterface } from "node:readline";

/** Connecting at once: less than the server's queue of those not yet accepted. */
const AT_ONCE = 200;

/** Source addresses in turn: the system takes long to find a free port where most of an address are taken. */
const SOURCES = 100;

const [address = "", sources] = process.argv.slice(2);
const url = new URL(address);
const request = `GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nUser-Agent: idle-client\r\nAccept: */*\r\n\r\n`;
const buffer = Buffer.alloc(64 * 1024);

let connections = 0;

function rest(): Promise<void> {
  const localAddress = `${sources}.${1 + (connections++ % SOURCES)}`;
  return new Promise((resolve, reject) => {
    const onread = {
      buffer,
      callback: (): boolean => {
        resolve();
        return true;
      },
    };
    const socket = connect({ port: Number(url.port), host: url.hostname, localAddress, onread } as never);
    socket.on("error", reject);
    socket.on("close", () => console.log("lost"));
    socket.write(request);
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  let left = Number(line);
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await rest();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  console.log("resting");
}
process.exit(0);
