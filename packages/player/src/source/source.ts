/** Sources of a player: the same stream at one or several addresses, in order of preference. */

import { PlayerError } from "../error.ts";

/** What a source is, as far as its address or MIME type tells. `file` is anything a bare `<video>` plays. */
export type SourceFormat = "hls" | "dash" | "file";

/** One address of the stream. */
export interface Source {
  /** Absolute when a base was given, otherwise as written. */
  readonly url: string;
  readonly format: SourceFormat;
}

const mimeFormats: Readonly<Record<string, SourceFormat>> = {
  "application/vnd.apple.mpegurl": "hls",
  "application/x-mpegurl": "hls",
  "audio/mpegurl": "hls",
  "audio/x-mpegurl": "hls",
  "application/dash+xml": "dash",
};
const schemes = new Set(["http:", "https:", "blob:", "data:"]);

/**
 * Reads a whitespace-separated list of sources, as the `src` attribute holds it.
 *
 * @param options.base - URL that relative sources are resolved against. Without one they stay as written.
 * @param options.type - MIME type of all of them; wins over the extension. An unknown one is a `file`.
 * @throws {PlayerError} `SOURCE_INVALID` when an entry is no URL, or neither http(s), blob nor data.
 */
export function parseSources(list: string, options: { base?: string; type?: string } = {}): Source[] {
  const sources: Source[] = [];
  for (const entry of list.split(/\s+/)) {
    if (entry === "") continue;
    const url = resolve(entry, options.base);
    if (sources.some((source) => source.url === url)) continue;
    sources.push({ url, format: formatOf(url, options.type) });
  }
  return sources;
}

/** Format of an address: by MIME type where there is one, else by the extension of its path. */
export function formatOf(url: string, type?: string | null): SourceFormat {
  const mime = type?.split(";")[0]?.trim().toLowerCase();
  if (mime) return mimeFormats[mime] ?? "file";
  const path = url.split(/[?#]/)[0]!.toLowerCase();
  if (path.endsWith(".m3u8") || path.endsWith(".m3u")) return "hls";
  if (path.endsWith(".mpd")) return "dash";
  return "file";
}

function resolve(entry: string, base: string | undefined): string {
  let url: URL;
  try {
    url = new URL(entry, base ?? "http://relative.invalid/");
  } catch (cause) {
    throw new PlayerError("SOURCE_INVALID", `"${entry}" is not a URL`, { cause });
  }
  if (!schemes.has(url.protocol)) {
    throw new PlayerError("SOURCE_INVALID", `"${entry}" must be an http(s), blob or data URL`);
  }
  return base === undefined ? entry : url.href;
}
