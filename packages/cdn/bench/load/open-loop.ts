/**
 * Open-loop load, a program of its own: requests at times drawn beforehand, whatever becomes of those before. Each is timed from when it was due,
 * not from when a connection was free for it, so that a server that stalls is charged with all who would have come meanwhile.
 *
 * `node open-loop.ts <url> <requests per second> <seconds> <connections>`; prints one line of JSON, an {@link OpenLoopResult}.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Milliseconds but for the counts. */
export interface OpenLoopResult {
  readonly answered: number;
  /** Due and not answered when it ended. */
  readonly open: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly worst: number;
  /** How late the generator itself was, at the 99th percentile: what of the above is not the server's. */
  readonly ownP99: number;
}

/** Answers in the beginning that do not count, in seconds. */
const SETTLING = 1;

class Client {
  readonly socket: Socket;
  readonly #onAnswer: (client: Client) => void;
  /** When its request was due. */
  due = 0;
  #left = -1;

  constructor(url: URL, onAnswer: (client: Client) => void) {
    this.#onAnswer = onAnswer;
    const buffer = Buffer.alloc(256 * 1024);
    const onread = {
      buffer,
      callback: (length: number): boolean => {
        this.#read(buffer, length);
        return true;
      },
    };
    this.socket = connect({ port: Number(url.port), host: url.hostname, noDelay: true, onread });
  }

  #read(buffer: Buffer, length: number): void {
    if (this.#left === -1) {
      const end = buffer.indexOf("\r\n\r\n");
      const size = /content-length: (\d+)/i.exec(buffer.toString("latin1", 0, end));
      if (end === -1 || end > length || size === null)
        throw new Error("an answer whose head is not here, or has no length");
      this.#left = Number(size[1]) + end + 4;
    }
    this.#left -= length;
    if (this.#left > 0) return;
    this.#left = -1;
    this.#onAnswer(this);
  }
}

async function main(address: string, rate: number, seconds: number, connections: number): Promise<OpenLoopResult> {
  const url = new URL(address);
  const request = Buffer.from(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nUser-Agent: open-loop\r\n\r\n`);
  const latencies: number[] = [];
  const lateness: number[] = [];
  const free: Client[] = [];
  const waiting: number[] = [];
  const start = performance.now() + 50;
  const counted = start + SETTLING * 1000;
  const stop = counted + seconds * 1000;
  const send = (client: Client, due: number): void => {
    client.due = due;
    client.socket.write(request);
  };
  const onAnswer = (client: Client): void => {
    if (client.due >= counted) latencies.push(performance.now() - client.due);
    const next = waiting.shift();
    if (next === undefined) free.push(client);
    else send(client, next);
  };
  const clients = Array.from({ length: connections }, () => new Client(url, onAnswer));
  await Promise.all(clients.map(({ socket }) => once(socket, "connect")));
  free.push(...clients);
  let due = start;
  let drawn = 0;
  let random = 88_172_645;
  await new Promise<void>((resolve) => {
    const turn = (): void => {
      const now = performance.now();
      while (due <= now && due < stop) {
        if (due >= counted) {
          lateness.push(now - due);
          drawn += 1;
        }
        const client = free.pop();
        if (client === undefined) waiting.push(due);
        else send(client, due);
        random ^= random << 13;
        random ^= random >>> 17;
        random ^= random << 5;
        due += (-Math.log(((random >>> 0) + 1) / (2 ** 32 + 1)) * 1000) / rate;
      }
      if (now > stop + 500) resolve();
      else setImmediate(turn);
    };
    turn();
  });
  for (const { socket } of clients) socket.destroy();
  latencies.sort((a, b) => a - b);
  lateness.sort((a, b) => a - b);
  const at = (values: readonly number[], share: number): number =>
    values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
  return {
    answered: latencies.length,
    open: drawn - latencies.length,
    p50: at(latencies, 0.5),
    p99: at(latencies, 0.99),
    p999: at(latencies, 0.999),
    worst: at(latencies, 1),
    ownP99: at(lateness, 0.99),
  };
}

const [address = "", rate, seconds, connections] = process.argv.slice(2);
console.log(JSON.stringify(await main(address, Number(rate), Number(seconds), Number(connections))));
