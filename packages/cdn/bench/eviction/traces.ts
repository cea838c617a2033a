/** Requests as video services get them, made from a seed: the same each time. */

/** One request. */
export interface TraceRequest {
  readonly key: string;
  /** Bytes of the object, always the same for a key. */
  readonly size: number;
  /** Among the tenth of the catalog that is asked for most; undefined where there is no such thing. */
  readonly hot?: boolean;
}

/** A sequence of requests and how much of it a cache may hold. */
export interface Trace {
  readonly name: string;
  /** Bytes of the cache it is meant for. */
  readonly cacheBytes: number;
  /** Requests at the beginning that fill the cache, and are not counted. */
  readonly warmUp: number;
  requests(): Iterable<TraceRequest>;
}

const KB = 1024;
const MB = 1024 * KB;

/** Numbers from 0 to 1 that look random (xorshift32). */
export function createRandom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Draws ranks, the first most often: the share of rank n is as 1 / (n + 1) ^ exponent. */
export function createZipf(count: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += 1 / (rank + 1) ** exponent;
    sums[rank] = sum;
  }
  return () => {
    const drawn = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle]! < drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** What a catalog consists of: mostly segments with some playlists, init segments and thumbnails; segments alone; mostly what is small; all of one size. */
export type SizeMix = "mixed" | "segments" | "small" | "equal";

/** Shares of playlists and init segments, and of those with thumbnails. */
const SMALL_SHARES = { mixed: [0.1, 0.2], segments: [0, 0], small: [0.6, 0.9], equal: [0, 0] } as const;

/** Options of every trace. */
export interface TraceOptions {
  readonly seed: number;
  /** The share of the object of rank n is as 1 / (n + 1) ^ this. Default 0.9. */
  readonly zipf?: number;
  /** Share of the catalog's bytes that the cache has; for live of 5 GiB. Default 0.1. */
  readonly share?: number;
  /** Of catalogs. Default `mixed`. */
  readonly sizes?: SizeMix;
}

/** Bytes of one object: segments are of 2 to 6 s in renditions of 0.4 to 8 Mb/s. */
function sizeOf(random: () => number, mix: SizeMix): number {
  if (mix === "equal") return MB;
  const [tiny, small] = SMALL_SHARES[mix];
  const kind = random();
  if (kind < tiny) return Math.round(KB * (1 + 20 * random()));
  if (kind < small) return Math.round(KB * (40 + 120 * random()));
  const megabits = 0.4 * 20 ** random();
  const seconds = [2, 4, 6][Math.floor(random() * 3)]!;
  return Math.round(((megabits * seconds * 1e6) / 8) * (0.7 + 0.6 * random()));
}

function catalogOf(count: number, { seed, sizes: mix = "mixed" }: TraceOptions): { sizes: number[]; bytes: number } {
  const random = createRandom(seed);
  const sizes = Array.from({ length: count }, () => sizeOf(random, mix));
  return { sizes, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

const CATALOG = 10_000;
const REQUESTS = 400_000;
const ZIPF = 0.9;
const SHARE = 0.1;

/** Independent draws from a catalog, as the literature has it. */
export function zipfTrace(options: TraceOptions): Trace {
  const { seed, zipf = ZIPF, share = SHARE } = options;
  const { sizes, bytes } = catalogOf(CATALOG, options);
  return {
    name: "catalog",
    cacheBytes: bytes * share,
    warmUp: REQUESTS / 4,
    *requests() {
      const draw = createZipf(CATALOG, zipf, createRandom(seed + 1));
      for (let at = 0; at < REQUESTS; at += 1) {
        const rank = draw();
        yield { key: `/vod/${rank}`, size: sizes[rank]!, hot: rank < CATALOG / 10 };
      }
    },
  };
}

/** The catalog, with a third of all requests for things that nobody asks for again, and a crawler that now and then reads a title through. */
function scanTrace(options: TraceOptions): Trace {
  const { seed, zipf = ZIPF, share = SHARE } = options;
  const { sizes, bytes } = catalogOf(CATALOG, options);
  return {
    name: "catalog with one-hit wonders and scans",
    cacheBytes: bytes * share,
    warmUp: REQUESTS / 4,
    *requests() {
      const random = createRandom(seed + 1);
      const draw = createZipf(CATALOG, zipf, random);
      let once = 0;
      let scan = 0;
      let scanned = 0;
      for (let at = 0; at < REQUESTS; at += 1) {
        if (scan === 0 && random() < 1 / 20_000) scan = 2000;
        if (scan > 0 && random() < 0.5) {
          scan -= 1;
          scanned += 1;
          yield { key: `/scan/${scanned}`, size: sizes[scanned % CATALOG]! };
        } else if (random() < 1 / 3) {
          once += 1;
          yield { key: `/once/${once}`, size: sizes[(once * 7) % CATALOG]! };
        } else {
          const rank = draw();
          yield { key: `/vod/${rank}`, size: sizes[rank]!, hot: rank < CATALOG / 10 };
        }
      }
    },
  };
}

/** The catalog, whose favourites change: every so often one of the hundred most asked for changes place with some other. */
function driftTrace(options: TraceOptions): Trace {
  const { seed, zipf = ZIPF, share = SHARE } = options;
  const { sizes, bytes } = catalogOf(CATALOG, options);
  return {
    name: "catalog whose favourites change",
    cacheBytes: bytes * share,
    warmUp: REQUESTS / 4,
    *requests() {
      const random = createRandom(seed + 1);
      const draw = createZipf(CATALOG, zipf, random);
      const objectAt = Array.from({ length: CATALOG }, (_, rank) => rank);
      for (let at = 0; at < REQUESTS; at += 1) {
        if (at % 500 === 0) {
          const [a, b] = [Math.floor(random() * 100), Math.floor(random() * CATALOG)];
          [objectAt[a], objectAt[b]] = [objectAt[b]!, objectAt[a]!];
        }
        const object = objectAt[draw()]!;
        yield { key: `/vod/${object}`, size: sizes[object]! };
      }
    },
  };
}

/** Viewers who play titles from their beginning, segment after segment, in one of five renditions, and leave somewhere. */
function sessionsTrace({ seed, zipf = ZIPF, share = SHARE }: TraceOptions): Trace {
  const TITLES = 200;
  const VIEWERS = 200;
  const rates = [0.4, 0.9, 2, 4.5, 8];
  const setUp = createRandom(seed);
  const lengths = Array.from({ length: TITLES }, () => 20 + Math.floor(setUp() * 180));
  const sizeFor = (title: number, rate: number, segment: number): number =>
    Math.round(((rates[rate]! * 4e6) / 8) * (0.7 + 0.6 * (((title * 31 + segment * 17 + rate * 7) % 101) / 101)));
  let bytes = 0;
  for (let title = 0; title < TITLES; title += 1) {
    for (let rate = 0; rate < rates.length; rate += 1) {
      for (let segment = 0; segment < lengths[title]!; segment += 1) bytes += sizeFor(title, rate, segment);
    }
  }
  return {
    name: "viewers who play titles through",
    cacheBytes: bytes * share,
    warmUp: REQUESTS / 4,
    *requests() {
      const random = createRandom(seed + 1);
      const draw = createZipf(TITLES, zipf, random);
      const viewers = Array.from({ length: VIEWERS }, () => ({
        title: 0,
        rate: 0,
        segment: Number.POSITIVE_INFINITY,
        end: 0,
      }));
      for (let at = 0; at < REQUESTS; at += 1) {
        const viewer = viewers[at % VIEWERS]!;
        if (viewer.segment >= viewer.end) {
          viewer.title = draw();
          viewer.rate = Math.floor(random() ** 0.7 * rates.length);
          viewer.segment = 0;
          viewer.end = Math.ceil(lengths[viewer.title]! * random() ** 2);
          yield { key: `/vod/${viewer.title}/index.m3u8`, size: 4 * KB };
          continue;
        }
        const { title, rate, segment } = viewer;
        viewer.segment += 1;
        yield { key: `/vod/${title}/${rate}/${segment}.m4s`, size: sizeFor(title, rate, segment) };
      }
    },
  };
}

interface LiveOptions {
  readonly streams: number;
  readonly viewers: number;
  /** Requests for recordings among those for live, from 0 to 1. */
  readonly recordings: number;
}

/**
 * Live streams in four renditions of 2 s segments: each viewer asks for a playlist and the newest segment, once; those who join take three
 * segments and an init segment; a few watch some minutes behind.
 */
function* liveRequests(
  options: TraceOptions,
  { streams, viewers, recordings }: LiveOptions,
  total: number,
): Iterable<TraceRequest> {
  const { seed, zipf = ZIPF } = options;
  const random = createRandom(seed);
  const drawStream = createZipf(streams, zipf, random);
  const drawRecording = createZipf(CATALOG, zipf, random);
  const { sizes } = catalogOf(CATALOG, options);
  const rates = [0.8, 2, 4.5, 8];
  const segmentOf = (stream: number, rate: number, segment: number): TraceRequest => ({
    key: `/live/${stream}/${rate}/${segment}.m4s`,
    size: Math.round(((rates[rate]! * 2e6) / 8) * (0.8 + 0.4 * (((stream * 31 + segment * 17) % 101) / 101))),
  });
  const join = () => ({
    stream: drawStream(),
    rate: Math.floor(random() ** 0.7 * rates.length),
    behind: random() < 0.03 ? 60 : 0,
  });
  const audience = Array.from({ length: viewers }, join);
  for (let made = 0, second = 0; made < total; second += 2) {
    const segment = second / 2;
    for (let at = 0; at < viewers; at += 1) {
      let viewer = audience[at]!;
      if (random() < 0.01) {
        viewer = join();
        audience[at] = viewer;
        yield { key: `/live/${viewer.stream}/${viewer.rate}/init.mp4`, size: KB };
        for (let back = 2; back >= 1; back -= 1)
          yield segmentOf(viewer.stream, viewer.rate, segment - viewer.behind - back);
        made += 3;
      }
      yield { key: `/live/${viewer.stream}/${viewer.rate}/index.m3u8?${segment}`, size: 3 * KB };
      yield segmentOf(viewer.stream, viewer.rate, segment - viewer.behind);
      made += 2;
      if (random() < recordings) {
        const rank = drawRecording();
        yield { key: `/vod/${rank}`, size: sizes[rank]! };
        made += 1;
      }
    }
  }
}

/** Live alone, in a cache that holds some segments of each stream. */
export function liveTrace(options: TraceOptions): Trace {
  const audience = { streams: 60, viewers: 4000, recordings: 0 };
  return {
    name: "live edge with joins",
    cacheBytes: 5 * 1024 * MB * (options.share ?? SHARE),
    warmUp: REQUESTS / 4,
    requests: () => liveRequests(options, audience, REQUESTS),
  };
}

/** Live and recordings through one cache. */
function mixedTrace(options: TraceOptions): Trace {
  const audience = { streams: 60, viewers: 2000, recordings: 0.5 };
  return {
    name: "live edge and catalog together",
    cacheBytes: catalogOf(CATALOG, options).bytes * (options.share ?? SHARE),
    warmUp: REQUESTS / 4,
    requests: () => liveRequests(options, audience, REQUESTS),
  };
}

/** All of them. */
export function allTraces(options: TraceOptions): Trace[] {
  return [zipfTrace, scanTrace, driftTrace, sessionsTrace, liveTrace, mixedTrace].map((create) => create(options));
}
