/** The HTTP face of a live stream: playlists, MPD, initialisation segments, segments and parts, the growing ones too. */

import { writeMediaPlaylist, writeMpd, writeMultivariantPlaylist } from "@ami-streams/media";
import type { WallClock } from "../clock.ts";
import type { Changes } from "./changes.ts";
import { isNewestPeriodWhole, mpd } from "./dash/mpd.ts";
import type { GrowingBody } from "./growing-body.ts";
import { type Availability, availability, parseDirectives } from "./hls/delivery-directives.ts";
import { lowLatencyPlaylist, plainPlaylist } from "./hls/media-playlist.ts";
import { multivariantPlaylist, type Presentation } from "./hls/multivariant-playlist.ts";
import type { PlaylistState } from "./hls/playlist-state.ts";
import type { LiveRendition } from "./live-rendition.ts";
import type { LiveWindow } from "./live-window.ts";

/** What the handler reads of its packager. */
export interface LiveStreamView {
  readonly window: LiveWindow;
  readonly changes: Changes;
  readonly clock: WallClock;
  readonly presentation: Presentation;
  /** Undefined until the first segment is whole. */
  readonly state: PlaylistState | undefined;
  readonly closed: boolean;
  /** Seconds. */
  readonly segmentDuration: number;
  /** Seconds. */
  readonly dashLatency: number;
  /** Seconds. */
  readonly windowDuration: number;
  /** Milliseconds since the Unix epoch. */
  readonly availabilityStart: number;
  /** Who reads what is still being made. */
  readonly readers: { count: number };
  /** Requests that may be held open at a time. */
  readonly maxWaiting: number;
}

/** A request may wait this many target durations (RFC 8216bis §6.2.5.2). */
const MAX_WAIT_TARGETS = 3;
/** Seconds that requests wait for the first segment of a stream. */
const MAX_START_WAIT = 10;

const PLAYLIST = "application/vnd.apple.mpegurl";
const IMMUTABLE = "public, max-age=31536000, immutable";
/** Where @ami-streams/cdn's server looks for a whole body, to send it without a web stream. It is no dependency of this package. */
const wholeBody = Symbol.for("@ami-streams/cdn.responseBytes");
/**
 * A player must not keep the newest playlist, but an edge may, so that not each player's question comes here: the least that whole seconds can say
 * (RFC 9213). The edge of @ami-streams/cdn makes half a part of it.
 */
const NEWEST_AT_EDGES = { "CDN-Cache-Control": "max-age=1" };
const NAME = /^[A-Za-z0-9._-]+$/;

/** Answers a request whose path is relative to the stream. Never throws. */
export async function handleLive(stream: LiveStreamView, request: Request): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return problem(405, "only GET and HEAD", { Allow: "GET, HEAD" });
  }
  const path = pathOf(request);
  if (path === undefined) return problem(400, "a path is made of letters, digits, dots, dashes and underscores");
  const response = await route(stream, request, path.segments, path.query);
  if (request.method !== "HEAD") return response;
  await response.body?.cancel();
  return new Response(null, { status: response.status, headers: response.headers });
}

async function route(
  stream: LiveStreamView,
  request: Request,
  path: readonly string[],
  query: URLSearchParams,
): Promise<Response> {
  const [first, file] = path;
  if (file === undefined) {
    switch (first) {
      case "index.m3u8":
      case "hls.m3u8":
        return multivariant(stream, request, first);
      case "index.mpd":
        return manifest(stream, request);
      case "time":
        return new Response(new Date(stream.clock.now()).toISOString(), {
          headers: { "Content-Type": "text/plain", "Cache-Control": "no-store" },
        });
      default:
        return notFound();
    }
  }
  if (path.length > 2) return notFound();
  const rendition = await ready(stream, request, () => stream.window.rendition(first!));
  if (rendition === undefined) return notFound();
  if (file === "index.m3u8") return blockingPlaylist(stream, request, rendition, query);
  if (file === "hls.m3u8") return playlist(stream, request, rendition);
  return media(stream, request, rendition, file);
}

async function multivariant(stream: LiveStreamView, request: Request, file: string): Promise<Response> {
  const state = await ready(stream, request, () => stream.state);
  if (state === undefined) return unavailable();
  const playlist = multivariantPlaylist(stream.window, stream.presentation, file);
  return text(writeMultivariantPlaylist(playlist), PLAYLIST, "max-age=1");
}

async function manifest(stream: LiveStreamView, request: Request): Promise<Response> {
  const state = await ready(stream, request, () => stream.state);
  if (state === undefined) return unavailable();
  // One that has to do without a track at first is listed all the same when the wait is over.
  await waitFor(
    stream,
    request,
    () => stream.window.periods.length > 1 || isNewestPeriodWhole(stream.window, state) || undefined,
    state.targetDuration,
  );
  const document = mpd(stream.window, {
    ...state,
    availabilityStart: stream.availabilityStart,
    now: stream.clock.now(),
    segmentDuration: stream.segmentDuration,
    latency: stream.dashLatency,
    window: stream.windowDuration,
    time: "time",
  });
  return text(writeMpd(document), "application/dash+xml", "max-age=1");
}

async function playlist(stream: LiveStreamView, request: Request, rendition: LiveRendition): Promise<Response> {
  const first = await ready(stream, request, () => stream.state);
  if (first === undefined) return unavailable();
  const begun = (): Verdict | undefined =>
    verdictOn(rendition, () => (stream.window.listed(rendition).length > 0 ? "there" : "wait"));
  const verdict = await waitFor(stream, request, begun, MAX_WAIT_TARGETS * first.targetDuration);
  if (verdict !== "there") return verdict === "gone" || stream.closed ? notFound() : unavailable();
  const state = stream.state ?? first;
  const maxAge = Math.max(1, Math.floor(state.targetDuration / 2));
  return text(writeMediaPlaylist(plainPlaylist(stream.window, rendition, state)), PLAYLIST, `max-age=${maxAge}`);
}

/** What became of a request that may have had to wait for its rendition. */
type Verdict = Exclude<Availability, "wait"> | "gone";

function verdictOn(rendition: LiveRendition, look: () => Availability): Verdict | undefined {
  if (!rendition.active) return "gone";
  const found = look();
  return found === "wait" ? undefined : found;
}

async function blockingPlaylist(
  stream: LiveStreamView,
  request: Request,
  rendition: LiveRendition,
  query: URLSearchParams,
): Promise<Response> {
  const directives = parseDirectives(query);
  if (typeof directives === "string") return problem(400, directives);
  const first = await ready(stream, request, () => stream.state);
  if (first === undefined) return unavailable();
  const { msn, part } = directives;
  const look = (): Availability => {
    // Where the numbers of a rendition begin is not known before it has something.
    if (rendition.position === undefined) return "wait";
    return msn === undefined || stream.closed ? "there" : availability(rendition, msn, part, first.partTarget);
  };
  const wait = MAX_WAIT_TARGETS * first.targetDuration;
  const verdict = await waitFor(stream, request, () => verdictOn(rendition, look), wait);
  if (verdict === "absurd") return problem(400, "this lies too far in the future", { "Cache-Control": "max-age=1" });
  if (verdict !== "there") return verdict === "gone" || stream.closed ? notFound() : unavailable();
  const state = stream.state ?? first;
  const body = writeMediaPlaylist(lowLatencyPlaylist(stream.window, rendition, state, directives.skip));
  if (msn === undefined) return text(body, PLAYLIST, "no-cache", NEWEST_AT_EDGES);
  // Whoever asks for the same part again gets the same answer: the URL names its state (RFC 8216bis §6.2.5.2).
  return text(body, PLAYLIST, `max-age=${6 * state.targetDuration}`);
}

async function media(
  stream: LiveStreamView,
  request: Request,
  rendition: LiveRendition,
  file: string,
): Promise<Response> {
  const type = `${rendition.kind}/mp4`;
  const wait = MAX_WAIT_TARGETS * (stream.state?.targetDuration ?? stream.segmentDuration);
  const name = file.startsWith(`${rendition.prefix}-`) ? file.slice(rendition.prefix.length + 1) : "";
  if (name.startsWith("init")) {
    const hinted = file === rendition.nextInitName;
    const init = await (hinted ? waitFor(stream, request, () => rendition.init(file), wait) : rendition.init(file));
    return init === undefined ? notFound() : whole(init.bytes, type);
  }
  const match = /^(p?)(\d{1,15})\.m4s$/.exec(name);
  if (match === null) return notFound();
  const number = Number(match[2]);
  const body = await (match[1] === "p"
    ? bodyOf(stream, request, wait, number === rendition.nextPart, () => startedPart(rendition, number))
    : bodyOf(stream, request, wait, number > rendition.lastComplete && number <= rendition.lastComplete + 2, () =>
        startedSegment(rendition, number),
      ));
  if (body === undefined) return notFound();
  if (body.bytes !== undefined) return whole(body.bytes, type);
  if (isFull(stream)) return unavailable();
  const growing = body.stream({ clock: stream.clock, patience: wait * 1000, readers: stream.readers });
  return new Response(growing, { headers: { "Content-Type": type, "Cache-Control": IMMUTABLE } });
}

function startedPart(rendition: LiveRendition, number: number): GrowingBody | undefined {
  const part = rendition.part(number);
  return part?.gap ? undefined : part?.body;
}

function startedSegment(rendition: LiveRendition, number: number): GrowingBody | undefined {
  const segment = rendition.segment(number);
  return segment === undefined || segment.body.size === 0 ? undefined : segment.body;
}

async function bodyOf(
  stream: LiveStreamView,
  request: Request,
  wait: number,
  mayCome: boolean,
  find: () => GrowingBody | undefined,
): Promise<GrowingBody | undefined> {
  return find() ?? (mayCome ? waitFor(stream, request, find, wait) : undefined);
}

/** What exists only once the stream has begun. */
function ready<T>(stream: LiveStreamView, request: Request, find: () => T | undefined): Promise<T | undefined> {
  const found = find();
  if (found !== undefined || stream.state !== undefined) return Promise.resolve(found);
  return waitFor(stream, request, find, MAX_START_WAIT);
}

/** @param seconds - the longest time to wait. */
function waitFor<T>(
  stream: LiveStreamView,
  request: Request,
  find: () => T | undefined,
  seconds: number,
): Promise<T | undefined> {
  const found = find();
  if (found !== undefined || isFull(stream)) return Promise.resolve(found);
  return stream.changes.until(find, seconds * 1000, request.signal);
}

function isFull({ changes, readers, maxWaiting }: LiveStreamView): boolean {
  return changes.size + readers.count >= maxWaiting;
}

function whole(bytes: Uint8Array<ArrayBuffer>, type: string): Response {
  const response = new Response(bytes, {
    headers: { "Content-Type": type, "Content-Length": String(bytes.length), "Cache-Control": IMMUTABLE },
  });
  return Object.assign(response, { [wholeBody]: bytes });
}

function text(body: string, type: string, cacheControl: string, more: Record<string, string> = {}): Response {
  return new Response(body, { headers: { "Content-Type": type, "Cache-Control": cacheControl, ...more } });
}

function notFound(): Response {
  return problem(404, "no such file, or no longer", { "Cache-Control": "max-age=1" });
}

function unavailable(): Response {
  return problem(503, "nothing came in time; ask again", { "Cache-Control": "no-store", "Retry-After": "1" });
}

function problem(status: number, message: string, headers: Record<string, string> = {}): Response {
  return new Response(`${message}\n`, {
    status,
    headers: { "Content-Type": "text/plain", "Cache-Control": "no-store", ...headers },
  });
}

/** Segments of the path, undecoded: our own names need no escapes, so anything escaped is refused. */
function pathOf(request: Request): { segments: string[]; query: URLSearchParams } | undefined {
  const { pathname, searchParams } = new URL(request.url);
  const segments = pathname.slice(1).split("/");
  const clean = segments.every((segment) => NAME.test(segment) && segment !== "." && segment !== "..");
  return clean ? { segments, query: searchParams } : undefined;
}
