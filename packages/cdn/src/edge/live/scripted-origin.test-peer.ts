/** A live origin for tests: makes parts when the test says so, and holds requests for what there is not yet (RFC 8216bis §6.2). */

import type { FetchHandler } from "../../handler/fetch-handler.ts";

/** Parts of a segment. */
const PARTS = 4;
const IMMUTABLE = "public, max-age=31536000, immutable";

interface Part {
  readonly chunks: Uint8Array[];
  ended: boolean;
  broken: boolean;
}

/** One rendition at `/live/`: `index.m3u8`, and parts `p0.m4s`, `p1.m4s`, … */
export class ScriptedOrigin {
  /** How often each target was asked for, as it came. */
  readonly asked = new Map<string, number>();
  /** Requests being held, or sent a part that grows. */
  waiting = 0;
  readonly #parts: Part[] = [];
  readonly #changed = new Set<() => void>();

  /** Parts that have begun. */
  get parts(): number {
    return this.#parts.length;
  }

  /** Begins the next part. */
  begin(): void {
    this.#parts.push({ chunks: [], ended: false, broken: false });
    this.#wake();
  }
  write(text: string): void {
    this.#newest.chunks.push(Buffer.from(text));
    this.#wake();
  }
  end(): void {
    this.#newest.ended = true;
    this.#wake();
  }
  /** The packager fails: whoever reads the part is cut off. */
  breakOff(): void {
    this.#newest.broken = true;
    this.#wake();
  }

  readonly handle: FetchHandler = async (request) => {
    const url = new URL(request.url);
    const target = url.pathname + url.search;
    this.asked.set(target, (this.asked.get(target) ?? 0) + 1);
    if (url.pathname === "/live/index.m3u8") return await this.#playlist(url.searchParams, request.signal);
    const [, number] = /^\/live\/p(\d+)\.m4s$/.exec(url.pathname) ?? [];
    return number === undefined
      ? new Response(null, { status: 404 })
      : await this.#part(Number(number), request.signal);
  };

  get #newest(): Part {
    return this.#parts.at(-1)!;
  }

  async #playlist(query: URLSearchParams, signal: AbortSignal): Promise<Response> {
    const wanted = Number(query.get("_HLS_msn") ?? 0) * PARTS + Number(query.get("_HLS_part") ?? 0);
    await this.#until(() => this.#parts[wanted]?.ended === true, signal);
    const lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXT-X-PART-INF:PART-TARGET=0.25", "#EXT-X-MEDIA-SEQUENCE:0"];
    const whole = this.#parts.filter(({ ended }) => ended).length;
    for (let part = 0; part < whole; part += 1) {
      lines.push(`#EXT-X-PART:DURATION=0.25,URI="p${part}.m4s"`);
      if (part % PARTS === PARTS - 1) lines.push("#EXTINF:1,", `s${Math.floor(part / PARTS)}.m4s`);
    }
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p${whole}.m4s"`, "");
    const headers = { "content-type": "application/vnd.apple.mpegurl", "cache-control": "max-age=6" };
    return new Response(lines.join("\n"), { headers });
  }

  async #part(number: number, signal: AbortSignal): Promise<Response> {
    await this.#until(() => this.#parts[number] !== undefined, signal);
    const part = this.#parts[number]!;
    let sent = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          await this.#until(() => sent < part.chunks.length || part.ended || part.broken, signal);
          if (part.broken) controller.error(new Error("the packager failed"));
          else if (sent < part.chunks.length) controller.enqueue(part.chunks[sent++]!);
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: { "content-type": "video/mp4", "cache-control": IMMUTABLE } });
  }

  async #until(there: () => boolean, signal: AbortSignal): Promise<void> {
    this.waiting += 1;
    try {
      while (!there()) {
        signal.throwIfAborted();
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            this.#changed.delete(wake);
            signal.removeEventListener("abort", wake);
            resolve();
          };
          this.#changed.add(wake);
          signal.addEventListener("abort", wake, { once: true });
        });
      }
    } finally {
      this.waiting -= 1;
    }
  }

  #wake(): void {
    for (const wake of [...this.#changed]) wake();
  }
}
