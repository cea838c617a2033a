/** What playlists said of the streams behind them, by folder: how fast each moves, and where its edge is. No I/O, no clock. */

import { BoundedMemory } from "../cache-key/bounded-memory.ts";
import { lifetimeOf, type PlaylistFacts } from "./live-rules.ts";
import { folderOf, resolveTarget } from "./relative-target.ts";

/** Milliseconds after its last playlist that a stream counts as live: players reload at least once per target duration. */
const REMEMBERED_FOR = 30_000;
/** A segment may lie this many folders below its MPD or playlist. */
const MAX_DEPTH = 3;
/** A number this far beyond the edge is a mistake, and will not exist in a moment. */
const NEAR = 16;
/** Segments named by their time (`$Time$`) have numbers that leap: near is then what a minute at 90 kHz adds. */
const NEAR_TIME = 90_000 * 60;
/** Ways of naming media within one folder: segments, parts, init sections, of a few renditions. */
const MAX_NAMINGS = 16;

/** A stream that is live now. */
export interface LiveStream {
  /** Seconds that its playlists may be kept, and a 404 for what comes next. */
  readonly lifetime: number;
  /** Whether a target belongs to what will exist in a moment, rather than to what is gone or never was. */
  isAhead(target: string): boolean;
}

interface Known {
  readonly lifetime: number;
  readonly at: number;
  /** Highest number seen, by the rest of the name. Empty for an MPD, which lists by template. */
  readonly edges: ReadonlyMap<string, number>;
}

/** Bounded: it forgets the stream that was heard of least lately. */
export class LiveStreams {
  readonly #byFolder = new BoundedMemory<Known>();

  /** A playlist is here, whole. */
  learn(target: string, read: PlaylistFacts, now: number): void {
    const lifetime = lifetimeOf(read);
    const folder = folderOf(target);
    if (read.format === "dash") {
      // Where its media lie beside those of HLS playlists, they are the same.
      const edges = this.#byFolder.get(folder)?.edges ?? new Map();
      if (lifetime !== undefined) this.#byFolder.set(folder, { lifetime, at: now, edges });
      else this.#byFolder.delete(folder);
      return;
    }
    const { hls } = read;
    if (hls.kind === "multivariant") return;
    const last = hls.hints.at(-1)?.uri ?? hls.segments.at(-1) ?? hls.parts.at(-1);
    const at = last === undefined ? undefined : resolveTarget(last, target);
    const mediaFolder = at === undefined ? folder : folderOf(at);
    if (lifetime === undefined) {
      this.#byFolder.delete(mediaFolder);
      return;
    }
    // Renditions may share a folder: what the others said of theirs stays.
    const edges = new Map(this.#byFolder.get(mediaFolder)?.edges);
    for (const uri of [hls.segments.at(-1), hls.parts.at(-1)]) note(edges, uri);
    for (const { uri } of hls.hints) note(edges, uri, 1);
    this.#byFolder.set(mediaFolder, { lifetime, at: now, edges });
    if (mediaFolder !== folder) this.#byFolder.set(folder, { lifetime, at: now, edges });
  }

  /** The live stream that a target belongs to, if it does. */
  of(target: string, now: number): LiveStream | undefined {
    let folder = folderOf(target);
    for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
      const known = this.#byFolder.get(folder);
      if (known !== undefined) {
        if (now - known.at > REMEMBERED_FOR) return undefined;
        return { lifetime: known.lifetime, isAhead: (asked) => isAhead(known, asked) };
      }
      if (folder === "/") return undefined;
      folder = folder.slice(0, folder.lastIndexOf("/", folder.length - 2) + 1);
    }
    return undefined;
  }
}

function isAhead({ edges }: Known, target: string): boolean {
  const name = nameOf(target);
  if (name === undefined) return false;
  // Nothing is known of how its media are called.
  if (edges.size === 0) return true;
  const edge = edges.get(name.naming);
  if (edge === undefined) return false;
  const beyond = name.number - edge;
  return beyond >= 0 && (beyond <= NEAR || (edge > NEAR_TIME && beyond <= NEAR_TIME));
}

/** @param before - a hinted part is not there yet: the edge is as much before it. */
function note(edges: Map<string, number>, uri: string | undefined, before = 0): void {
  const name = uri === undefined ? undefined : nameOf(uri);
  if (name === undefined) return;
  const number = name.number - before;
  const known = edges.get(name.naming);
  edges.delete(name.naming);
  // A stream that began anew counts from the beginning, if it does not have other names.
  edges.set(name.naming, known === undefined || number > known || number < known - NEAR ? number : known);
  for (const oldest of edges.keys()) {
    if (edges.size <= MAX_NAMINGS) return;
    edges.delete(oldest);
  }
}

/** The last number of a file's name, and the name without it. */
function nameOf(target: string): { naming: string; number: number } | undefined {
  const question = target.indexOf("?");
  const path = question === -1 ? target : target.slice(0, question);
  const file = path.slice(path.lastIndexOf("/") + 1);
  const dot = file.lastIndexOf(".");
  const stem = dot <= 0 ? file : file.slice(0, dot);
  let end = stem.length;
  while (end > 0 && !isDigit(stem, end - 1)) end -= 1;
  let start = end;
  while (start > 0 && end - start < 15 && isDigit(stem, start - 1)) start -= 1;
  if (start === end) return undefined;
  return {
    naming: `${stem.slice(0, start)}#${stem.slice(end)}${file.slice(stem.length)}`,
    number: Number(stem.slice(start, end)),
  };
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}
