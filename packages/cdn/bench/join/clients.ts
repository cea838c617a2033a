/** Many players in one process: each joins by the playlist, then reloads it part by part and fetches every part. Prints JSON when done. */

import { connect, type Socket } from "node:net";

const [url = "", count = "1", partsWanted = "10", partsPerSegment = "4"] = process.argv.slice(2);
const { hostname, port, pathname } = new URL(url);
const folder = pathname.replace(/[^/]*$/, "");

/** Milliseconds from a part's making to its last byte here. */
const delays: number[] = [];
let failures = 0;

class Client {
  readonly #socket: Socket;
  #taken: Buffer[] = [];
  #resolve: ((answer: { status: number; body: Buffer }) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor() {
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.on("data", (chunk) => this.#onData(chunk));
    this.#socket.on("error", (error) => this.#reject?.(error));
    this.#socket.on("close", () => this.#reject?.(new Error("closed")));
  }

  get(target: string): Promise<{ status: number; body: Buffer }> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket.write(`GET ${target} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    });
  }

  #head: { status: number; end: number; length: number | undefined } | undefined;
  #received = 0;

  #onData(chunk: Buffer): void {
    this.#taken.push(chunk);
    this.#received += chunk.length;
    if (this.#head === undefined) {
      const bytes = this.#taken.length === 1 ? chunk : Buffer.concat(this.#taken);
      this.#taken = [bytes];
      const end = bytes.indexOf("\r\n\r\n");
      if (end === -1) return;
      const text = bytes.toString("latin1", 0, end);
      const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
      this.#head = {
        status: Number(text.slice(9, 12)),
        end: end + 4,
        length: length === undefined ? undefined : Number(length),
      };
    }
    const { end, length, status } = this.#head;
    const isWhole =
      length === undefined
        ? chunk.subarray(-5).equals(LAST_CHUNK) || this.#endsChunked()
        : this.#received === end + length;
    if (!isWhole) return;
    const all = this.#taken.length === 1 ? this.#taken[0]! : Buffer.concat(this.#taken);
    this.#taken = [];
    this.#head = undefined;
    this.#received = 0;
    const body = length === undefined ? dechunked(all.subarray(end)) : all.subarray(end);
    this.#resolve?.({ status, body });
  }

  #endsChunked(): boolean {
    return Buffer.concat(this.#taken).subarray(-5).equals(LAST_CHUNK);
  }

  close(): void {
    this.#reject = undefined;
    this.#socket.destroy();
  }
}

const LAST_CHUNK = Buffer.from("0\r\n\r\n");

function dechunked(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (size === 0) return Buffer.concat(pieces);
    pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 4 + size;
  }
}

async function watch(): Promise<void> {
  const client = new Client();
  try {
    const { status, body } = await client.get(pathname);
    if (status !== 200) throw new Error(`status ${status}`);
    let next = Number(/PRELOAD-HINT:TYPE=PART,URI="p(\d+)/.exec(body.toString("latin1"))?.[1]);
    for (let done = 0; done < Number(partsWanted); ) {
      const [msn, part] = [Math.floor(next / Number(partsPerSegment)), next % Number(partsPerSegment)];
      const reload = await client.get(`${pathname}?_HLS_msn=${msn}&_HLS_part=${part}`);
      const hinted = Number(/PRELOAD-HINT:TYPE=PART,URI="p(\d+)/.exec(reload.body.toString("latin1"))?.[1]);
      for (; next < hinted && done < Number(partsWanted); next += 1, done += 1) {
        const got = await client.get(`${folder}p${next}.m4s`);
        if (got.status !== 200) throw new Error(`status ${got.status}`);
        delays.push(Date.now() - got.body.readDoubleBE(0));
      }
    }
  } catch {
    failures += 1;
  } finally {
    client.close();
  }
}

const all: Promise<void>[] = [];
for (let at = 0; at < Number(count); at += 1) {
  all.push(watch());
  // All within a second, as they come when a match begins.
  if (at % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 1000 / (Number(count) / 100)));
}
await Promise.all(all);
delays.sort((a, b) => a - b);
const at = (share: number): number =>
  Math.round(delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? Number.NaN);
console.log(
  JSON.stringify({ clients: Number(count), parts: delays.length, failures, p50: at(0.5), p99: at(0.99), worst: at(1) }),
);
