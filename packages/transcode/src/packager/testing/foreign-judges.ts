/** For tests: programs and parsers that others wrote. */

import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { peer } from "@ami-streams/testing";
import * as hlsParser from "hls-parser";
import { createFile, MP4BoxBuffer } from "mp4box";

const run = promisify(execFile);
const require = createRequire(import.meta.url);

interface M3u8Parser {
  push(text: string): void;
  end(): void;
  readonly manifest: { readonly segments: readonly { readonly uri: string; readonly duration: number }[] };
}

const { Parser } = require("m3u8-parser") as { Parser: new () => M3u8Parser };
const mpdParser = require("mpd-parser") as {
  parse(
    text: string,
    options: object,
  ): { readonly playlists: readonly { readonly segments: readonly { readonly resolvedUri: string }[] }[] };
};

/** Serves a handler on loopback until disposed. */
export async function serve(
  handle: (request: Request) => Promise<Response>,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    const url = `http://127.0.0.1${request.url ?? "/"}`;
    handle(new Request(url))
      .then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        if (answer.body !== null) for await (const chunk of answer.body) response.write(chunk);
        response.end();
      })
      .catch((error: Error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve()).closeAllConnections()),
  };
}

/** What ffprobe reads of a stream. */
export interface ProbedStream {
  readonly codec: string;
  readonly packets: number;
  readonly keyframes: number;
  /** Seconds, of the first and the last packet. */
  readonly first: number;
  readonly last: number;
  /** Largest step of decoding time, seconds. */
  readonly largestStep: number;
}

/** @throws Error with whatever ffprobe complains about. */
export async function probe(url: string): Promise<ProbedStream[]> {
  const entries = "stream=index,codec_name:packet=stream_index,dts_time,flags";
  const { stdout, stderr } = await run(
    peer("ffprobe")!,
    ["-v", "error", "-of", "json", "-show_streams", "-show_packets", "-show_entries", entries, url],
    { maxBuffer: 64 << 20 },
  );
  if (stderr.trim() !== "") throw new Error(`ffprobe: ${stderr}`);
  const result = JSON.parse(stdout) as {
    streams: { index: number; codec_name: string }[];
    packets: { stream_index: number; dts_time: string; flags: string }[];
  };
  return result.streams.map(({ index, codec_name }) => {
    const own = result.packets.filter((packet) => packet.stream_index === index);
    const times = own.map((packet) => Number(packet.dts_time));
    const steps = times.slice(1).map((time, i) => time - times[i]!);
    return {
      codec: codec_name,
      packets: own.length,
      keyframes: own.filter((packet) => packet.flags.startsWith("K")).length,
      first: times[0]!,
      last: times.at(-1)!,
      largestStep: Math.max(...steps),
    };
  });
}

/** Durations of segments as two HLS parsers read them; throws where they differ. */
export function parsedDurations(playlist: string): number[] {
  const parser = new Parser();
  parser.push(playlist);
  parser.end();
  const first = parser.manifest.segments.map(({ duration }) => duration);
  const other = hlsParser.parse(playlist);
  if (other.isMasterPlaylist) throw new Error("hls-parser takes this for a multivariant playlist");
  const second = (other as hlsParser.types.MediaPlaylist).segments
    .filter(({ uri }) => uri !== "")
    .map(({ duration }) => duration);
  if (JSON.stringify(first) !== JSON.stringify(second))
    throw new Error(`m3u8-parser reads ${first}, hls-parser ${second}`);
  return first;
}

/** URLs of the segments of each representation as mpd-parser reads them. */
export function parsedSegments(mpd: string, url: string): string[][] {
  return mpdParser
    .parse(mpd, { manifestUri: url })
    .playlists.map(({ segments }) => segments.map(({ resolvedUri }) => resolvedUri));
}

/** Samples that MP4Box finds in an initialisation segment and what follows it, by codec. */
export function mp4boxSamples(files: readonly Uint8Array[]): { readonly codec: string; readonly samples: number } {
  const file = createFile();
  let failure = "";
  file.onError = (module, message) => {
    failure = `${module}: ${message}`;
  };
  let at = 0;
  for (const bytes of files) {
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(Uint8Array.from(bytes).buffer, at));
    at += bytes.length;
  }
  file.flush();
  if (failure !== "") throw new Error(failure);
  const track = file.getInfo().tracks[0]!;
  return { codec: track.codec, samples: track.nb_samples };
}
