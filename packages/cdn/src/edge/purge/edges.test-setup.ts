/** Edges in this process that purge together over real HTTP, on links that a test can cut. */

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createServer, type Server } from "../../server/server.ts";
import type { PurgeNetworkOptions } from "./options.ts";
import { createPurges, type Purges } from "./purges.ts";

export const SECRET = "a secret of sixteen or more";

/** One edge: what is cut off, restarted and looked at. */
export interface TestEdge {
  readonly name: string;
  /** Of the process that lives now. */
  readonly purges: Purges;
  readonly url: string;
  /** Ends the process, whether or not others hear of it. */
  stop(): Promise<void>;
  /** @param forget - without its journal. */
  start(forget?: boolean): Promise<void>;
}

export interface TestEdges {
  readonly edges: readonly TestEdge[];
  /** Cuts all links of these edges to the others, both ways: connections hang, as when a cable is pulled. */
  cut(names: readonly string[]): void;
  /** Mends all links. */
  heal(): void;
}

/** Starts edges `e0`, `e1`, … with journals. */
export async function startEdges(
  count: number,
  network: Partial<PurgeNetworkOptions> = {},
  { journals = true } = {},
): Promise<TestEdges> {
  const root = await mkdtemp(join(tmpdir(), "purge-edges-"));
  const links = new Map<string, Link>();
  const names = Array.from({ length: count }, (_, at) => `e${at}`);
  const edges: Edge[] = [];
  onTestFinished(async () => {
    await Promise.all(edges.map((edge) => edge.stop()));
    for (const link of links.values()) link.close();
    await rm(root, { recursive: true, force: true });
  });
  for (const from of names) {
    for (const to of names) if (from !== to) links.set(`${from} ${to}`, await Link.open());
  }
  for (const name of names) {
    const peers = names
      .filter((each) => each !== name)
      .map((each) => ({ name: each, url: links.get(`${name} ${each}`)!.url }));
    const edge = new Edge(name, journals ? join(root, name) : undefined, {
      secret: SECRET,
      ...network,
      self: name,
      peers,
    });
    edges.push(edge);
  }
  await Promise.all(edges.map((edge) => edge.start()));
  const point = (): void => {
    for (const [pair, link] of links) {
      link.target = () => edges.find(({ name }) => name === pair.split(" ")[1])?.port;
    }
  };
  point();
  return {
    edges,
    cut(cutNames) {
      for (const [pair, link] of links) {
        const [from, to] = pair.split(" ");
        link.cut(cutNames.includes(from!) !== cutNames.includes(to!));
      }
    },
    heal() {
      for (const link of links.values()) link.cut(false);
    },
  };
}

/** Resolves when a condition holds; it is looked at again and again, for there is nothing to await. */
export async function until(holds: () => boolean, milliseconds = 15_000): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${holds} did not come true in ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

class Edge implements TestEdge {
  readonly name: string;
  readonly #folder: string | undefined;
  readonly #network: PurgeNetworkOptions;
  #purges: Purges | undefined;
  #server: Server | undefined;

  constructor(name: string, folder: string | undefined, network: PurgeNetworkOptions) {
    this.name = name;
    this.#folder = folder;
    this.#network = network;
  }

  get purges(): Purges {
    return this.#purges!;
  }

  get url(): string {
    return this.#server!.url;
  }

  get port(): number | undefined {
    return this.#server?.port;
  }

  async start(forget = false): Promise<void> {
    if (forget && this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    const folder = this.#folder === undefined ? {} : { folder: this.#folder };
    const purges = await createPurges({ ...folder, network: this.#network });
    this.#purges = purges;
    this.#server = await createServer({ handler: purges.handle, port: 0, host: "127.0.0.1", closeDeadline: 0 });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await this.#purges?.close();
    await server?.close();
  }
}

/** A way from one edge to another: a TCP relay that may hang. */
class Link {
  readonly url: string;
  target: () => number | undefined = () => undefined;
  readonly #listener: ReturnType<typeof createTcpServer>;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(listener: ReturnType<typeof createTcpServer>) {
    this.#listener = listener;
    this.url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    listener.on("connection", (socket) => this.#accept(socket));
  }

  static async open(): Promise<Link> {
    const listener = createTcpServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(listener, "listening");
    return new Link(listener);
  }

  cut(isCut: boolean): void {
    this.#isCut = isCut;
    for (const socket of this.#sockets) {
      if (isCut) socket.pause();
      // What hung has lost its place: as a connection that timed out.
      else socket.destroy();
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
  }

  #accept(near: Socket): void {
    const port = this.target();
    this.#track(near);
    if (this.#isCut) return;
    if (port === undefined) {
      near.destroy();
      return;
    }
    const far = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#track(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("data", (bytes) => to.write(bytes));
      from.on("close", () => to.destroy());
    }
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
