/** Origin, two edges and the page in one process, with a test source of their own that publishes over real RTMP. */

import { createClient } from "@ami-streams/example-client";
import { startEdge } from "@ami-streams/example-edge";
import { startOrigin } from "@ami-streams/example-origin";
import { createRtmpClient } from "@ami-streams/ingest";
import type { PacketSource } from "@ami-streams/media";
import type { Logger } from "pino";
import { createFileSource } from "./file-source.ts";
import { createTestCard } from "./test-card/test-card.ts";

/** How to run the demo. */
export interface DemoOptions {
  /** `own` is the usual port of each service; a number moves all: RTMP there, then page, origin and edges after it. */
  readonly ports: DemoPorts;
  /** What to publish as `demo`: the test card, a file in a loop, or nothing. */
  readonly source:
    | { readonly kind: "test-card" }
    | { readonly kind: "file"; readonly path: string }
    | { readonly kind: "none" };
  readonly encoder: "libav" | "ffmpeg" | "none";
  readonly logger: Logger;
}

/** TCP ports; 0 takes a free one. */
export interface DemoPorts {
  readonly rtmp: number;
  readonly page: number;
  readonly origin: number;
  readonly edges: readonly [number, number];
}

/** A running demo, in the form that `--json` prints. */
export interface RunningDemo extends AsyncDisposable {
  readonly addresses: DemoAddresses;
  close(): Promise<void>;
}

export interface DemoAddresses {
  readonly rtmp: string;
  readonly origin: string;
  readonly edges: readonly string[];
  readonly page: string;
  readonly streams: readonly { readonly key: string; readonly hls: string; readonly dash: string }[];
}

export const usualPorts: DemoPorts = { rtmp: 1935, page: 8080, origin: 8081, edges: [8082, 8083] };

/** All ports from `base` on. */
export function portsFrom(base: number): DemoPorts {
  return { rtmp: base, page: base + 1, origin: base + 2, edges: [base + 3, base + 4] };
}

/** Starts everything and resolves once viewers can be served frames. */
export async function startDemo({ ports, source, encoder, logger }: DemoOptions): Promise<RunningDemo> {
  await using opened = new AsyncDisposableStack();
  const origin = opened.use(
    await startOrigin({
      rtmpPort: ports.rtmp,
      httpPort: ports.origin,
      encoder,
      logger: logger.child({ part: "origin" }),
    }),
  );
  const edges = [];
  for (const [index, port] of ports.edges.entries()) {
    const name = `edge-${"ab"[index]}`;
    edges.push(
      opened.use(await startEdge({ port, upstreams: [origin.url], name, logger: logger.child({ part: name }) })),
    );
  }
  const page = opened.use(
    await createClient({
      port: ports.page,
      config: {
        rtmp: origin.rtmp,
        edges: edges.map(({ url }, index) => ({ name: `Edge ${"AB"[index]}`, url })),
        ...(source.kind === "none" ? {} : { stream: "demo" }),
      },
    }),
  );
  const streams =
    source.kind === "none" ? [] : [{ key: "demo", hls: "/live/demo/index.m3u8", dash: "/live/demo/index.mpd" }];
  if (source.kind !== "none") {
    const media = opened.use(
      source.kind === "file" ? await createFileSource(source.path, { loop: true }) : await createTestCard(),
    );
    const publishing = publish(media, `${origin.rtmp}/demo`, logger.child({ part: "source" }));
    opened.use(publishing);
    await Promise.race([served(edges.map(({ url }) => url + streams[0]!.hls)), publishing.failed]);
  }
  const resources = opened.move();
  const close = () => resources.disposeAsync();
  return {
    addresses: { rtmp: origin.rtmp, origin: origin.url, edges: edges.map(({ url }) => url), page: page.url, streams },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function publish(media: PacketSource, url: string, logger: Logger) {
  const stop = new AbortController();
  const client = createRtmpClient({ url, logger });
  const done = client.publish(media, { signal: stop.signal });
  // Rejects only when publishing fails for good; a source that ends is no failure.
  const failed = new Promise<never>((_, reject) => {
    done.catch((error: unknown) => {
      if (!stop.signal.aborted) reject(error);
    });
  });
  failed.catch((error: unknown) => logger.error({ err: error }, "publishing failed"));
  return {
    failed,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await client.close();
      await done.catch(() => undefined);
    },
  };
}

/** Resolves when each of these multivariant playlists names a media playlist that holds media. */
async function served(playlists: readonly string[]): Promise<void> {
  await Promise.all(
    playlists.map(async (url) => {
      for (;;) {
        const multivariant = await text(url);
        const variant = multivariant?.split("\n").find((line) => line !== "" && !line.startsWith("#"));
        const media = variant === undefined ? undefined : await text(new URL(variant, url).href);
        if (media !== undefined && /^#EXT-X-PART:|^#EXTINF:/m.test(media)) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }),
  );
}

async function text(url: string): Promise<string | undefined> {
  const response = await fetch(url, { cache: "no-store" });
  const body = await response.text();
  return response.ok ? body : undefined;
}
