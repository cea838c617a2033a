/** A live origin as small as can be: one rendition, a part a tick, blocking reloads held; counts who asks for what. */

import { bytesResponse, type FetchHandler } from "@ami-streams/cdn";

export interface ScriptedOriginOptions {
  /** Milliseconds of a part. */
  readonly part: number;
  readonly partBytes: number;
  readonly partsPerSegment: number;
}

/** A running origin. Its first eight body bytes of a part are the time it was made, milliseconds since 1970, big-endian double. */
export interface ScriptedOrigin extends Disposable {
  readonly handler: FetchHandler;
  /** Requests by target. */
  readonly asked: Map<string, number>;
}

export function createScriptedOrigin({ part, partBytes, partsPerSegment }: ScriptedOriginOptions): ScriptedOrigin {
  const asked = new Map<string, number>();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const waiting = new Set<() => void>();
  const timer = setInterval(() => {
    const bytes = new Uint8Array(partBytes);
    new DataView(bytes.buffer).setFloat64(0, Date.now());
    parts.push(bytes);
    for (const wake of [...waiting]) wake();
  }, part);
  const until = async (isThere: () => boolean): Promise<void> => {
    while (!isThere()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    }
  };
  const playlist = (): string => {
    const seconds = (part / 1000).toFixed(3);
    const first = Math.max(0, Math.floor(parts.length / partsPerSegment) - 3);
    const lines = [
      "#EXTM3U",
      "#EXT-X-VERSION:9",
      `#EXT-X-TARGETDURATION:${Math.ceil((part * partsPerSegment) / 1000)}`,
      `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${((3 * part) / 1000).toFixed(3)}`,
      `#EXT-X-PART-INF:PART-TARGET=${seconds}`,
      `#EXT-X-MEDIA-SEQUENCE:${first}`,
    ];
    for (let at = first * partsPerSegment; at < parts.length; at += 1) {
      lines.push(`#EXT-X-PART:DURATION=${seconds},URI="p${at}.m4s"`);
      if (at % partsPerSegment === partsPerSegment - 1) {
        lines.push(
          `#EXTINF:${((part * partsPerSegment) / 1000).toFixed(3)},`,
          `s${Math.floor(at / partsPerSegment)}.m4s`,
        );
      }
    }
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p${parts.length}.m4s"`, "");
    return lines.join("\n");
  };
  return {
    asked,
    async handler(request) {
      const { pathname, search, searchParams } = new URL(request.url);
      const target = pathname + search;
      asked.set(target, (asked.get(target) ?? 0) + 1);
      const number = /\/p(\d+)\.m4s$/.exec(pathname)?.[1];
      if (number !== undefined) {
        await until(() => Number(number) < parts.length);
        return bytesResponse(parts[Number(number)]!, {
          headers: { "cache-control": "max-age=3600", "content-type": "video/mp4" },
        });
      }
      const msn = searchParams.get("_HLS_msn");
      const wanted = msn === null ? 1 : Number(msn) * partsPerSegment + Number(searchParams.get("_HLS_part") ?? 0) + 1;
      await until(() => parts.length >= wanted);
      return bytesResponse(Buffer.from(playlist()), {
        headers: {
          "content-type": "application/vnd.apple.mpegurl",
          // As the packager of @ami-streams/transcode says it.
          ...(msn === null
            ? { "cache-control": "no-cache", "cdn-cache-control": "max-age=1" }
            : { "cache-control": "max-age=6" }),
        },
      });
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
