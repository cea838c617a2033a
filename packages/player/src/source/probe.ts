/** Asks an address, without an engine, whether it has the stream: how the player waits for one that is offline. */

import type { Source } from "./source.ts";

/** What an address has. */
export type Availability =
  /** A stream that goes on. `fingerprint` changes whenever its manifest does. */
  | { readonly kind: "live"; readonly fingerprint: string }
  /** One that has an end: on demand, or a live one that is over. */
  | { readonly kind: "complete" }
  /** Nothing to play. */
  | { readonly kind: "absent" };

/** Milliseconds after which an address that does not answer has nothing. */
const PROBE_TIMEOUT = 5000;
/** Longest manifest that is read, in bytes. */
export const MAX_MANIFEST_SIZE = 4 * 1024 * 1024;
const absent: Availability = { kind: "absent" };

/** What a manifest says about itself; a string is the address of the media playlist that knows more. */
export function readAvailability(format: "hls" | "dash", text: string): Availability | string {
  if (format === "dash") {
    const root = /<MPD\b[^>]*>/.exec(text)?.[0];
    if (root === undefined) return absent;
    return /\btype\s*=\s*["']dynamic["']/.test(root) ? { kind: "live", fingerprint: text } : { kind: "complete" };
  }
  if (!text.startsWith("#EXTM3U")) return absent;
  const variant = /^#EXT-X-STREAM-INF:[^\n]*\n(?:#[^\n]*\n)*([^#\s][^\r\n]*)/m.exec(text)?.[1];
  if (variant !== undefined) return variant.trim();
  if (/^#EXT-X-ENDLIST\s*$/m.test(text)) return { kind: "complete" };
  if (!/^#EXTINF:|^#EXT-X-PART:/m.test(text)) return absent;
  return { kind: "live", fingerprint: text };
}

/**
 * Fetches the manifest of a source, and for HLS its first media playlist.
 *
 * @returns `absent` on any failure: whoever waits only wants to know when to try.
 * @throws only what `signal` aborts with.
 */
export async function probe(source: Source, signal: AbortSignal): Promise<Availability> {
  if (source.format === "file") return (await get(source.url, signal, "HEAD")) === null ? absent : { kind: "complete" };
  const manifest = await get(source.url, signal);
  if (manifest === null) return absent;
  const read = readAvailability(source.format, manifest.text);
  if (typeof read !== "string") return read;
  const media = await get(new URL(read, manifest.url).href, signal);
  if (media === null) return absent;
  const inner = readAvailability(source.format, media.text);
  return typeof inner === "string" ? absent : inner;
}

async function get(url: string, signal: AbortSignal, method = "GET"): Promise<{ text: string; url: string } | null> {
  signal.throwIfAborted();
  // Not `AbortSignal.any`: the oldest iPhones that play HLS by themselves do not have it.
  const bound = new AbortController();
  const abort = () => bound.abort();
  signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(abort, PROBE_TIMEOUT);
  try {
    const response = await fetch(url, { method, signal: bound.signal, cache: "no-store" });
    const text = response.ok ? await readText(response) : null;
    // An answer that is not wanted, or not to its end.
    if (text === null) bound.abort();
    return text === null ? null : { text, url: response.url };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TypeError || error instanceof DOMException) return null;
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** The body, or null when it is longer than {@link MAX_MANIFEST_SIZE}. */
async function readText({ body }: Response): Promise<string | null> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    size += chunk.value.byteLength;
    if (size > MAX_MANIFEST_SIZE) return null;
    text += decoder.decode(chunk.value, { stream: true });
  }
  return text + decoder.decode();
}
