/** A live stream in real time, as LL-HLS and LL-DASH, on a server that can be told to misbehave. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { loopTrack, PART_DURATION, PARTS_PER_SEGMENT } from "./looped-media.ts";

const SEGMENT_DURATION = PART_DURATION * PARTS_PER_SEGMENT;
const PART_HOLD_BACK = PART_DURATION * 3.5;
/** Segments in a playlist, unless the stream says otherwise. */
const WINDOW = 15;
/** Segments at the end that are listed with their parts. */
const SEGMENTS_WITH_PARTS = 3;
/** Milliseconds a blocking reload is held at most. */
const LONGEST_BLOCK = 6000;

const tracks = {
  v180: loopTrack("video-180p.mp4", 12800),
  v360: loopTrack("video-360p.mp4", 12800),
  audio: loopTrack("audio.mp4", 32000),
};
type TrackName = keyof typeof tracks;

/** What one publisher sent, from connecting to leaving. */
interface Session {
  readonly id: number;
  /** Media sequence number of its first segment. */
  readonly firstSegment: number;
  /** Wall clock of its first picture. */
  readonly startedAt: number;
  /** Whole segments it left behind; null while it publishes. */
  segments: number | null;
}

/**
 * What requests get: `ok`; `absent` 404; `broken` 500; `garbage` segments without a single box; `undecodable` boxes in
 * order around pictures that no decoder takes; `silent` no answer at all.
 */
type Behaviour = "ok" | "absent" | "broken" | "garbage" | "undecodable" | "silent";

export class LiveStream {
  readonly sessions: Session[] = [];
  /** Segments in a playlist. */
  readonly window: number;
  ended = false;

  constructor({ window = WINDOW } = {}) {
    this.window = window;
  }

  /** A publisher connects. `backlog` seconds have been sent already. */
  publish(backlog = 4): void {
    const last = this.sessions.at(-1);
    if (last !== undefined && last.segments === null) throw new Error("there is a publisher already");
    this.ended = false;
    this.sessions.push({
      id: this.sessions.length,
      firstSegment: last === undefined ? 0 : last.firstSegment + (last.segments ?? 0),
      startedAt: Date.now() - backlog * 1000,
      segments: null,
    });
  }

  /** The publisher goes away, at the end of a segment; what it sent stays. */
  unpublish(): void {
    const last = this.sessions.at(-1);
    if (last !== undefined) last.segments = Math.ceil(this.partsOf(last) / PARTS_PER_SEGMENT);
  }

  /** The publisher goes away for good: ENDLIST. */
  end(): void {
    this.unpublish();
    this.ended = true;
  }

  partsOf(session: Session): number {
    if (session.segments !== null) return session.segments * PARTS_PER_SEGMENT;
    return Math.floor((Date.now() - session.startedAt) / 1000 / PART_DURATION);
  }

  /** Waits until part `part` of segment `msn` is there; false when it does not come in time. */
  async until(msn: number, part: number): Promise<boolean> {
    for (const deadline = Date.now() + LONGEST_BLOCK; Date.now() < deadline; await sleep(10)) {
      const session = this.sessionOf(msn);
      if (session !== undefined && this.partsOf(session) > (msn - session.firstSegment) * PARTS_PER_SEGMENT + part)
        return true;
    }
    return false;
  }

  sessionOf(msn: number): Session | undefined {
    return this.sessions.findLast(({ firstSegment }) => firstSegment <= msn);
  }

  multivariant({ captions, steering }: Pick<Edge, "captions" | "steering">): string {
    const pathways = steering?.edges ?? { "": { url: "" } };
    const [first] = Object.keys(pathways);
    const subtitles = captions ? ',SUBTITLES="s"' : "";
    const onPathway = ([id, { url }]: [string, { url: string }]) => {
      const base = url === "" ? "" : `${url}/live/`;
      const group = `a${id}`;
      const pathway = id === "" ? "" : `,PATHWAY-ID="${id}"`;
      const variant = (name: TrackName, width: number, height: number, bandwidth: number) =>
        `#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},RESOLUTION=${width}x${height},FRAME-RATE=25,CODECS="avc1.4d401e,mp4a.40.2",AUDIO="${group}"${subtitles}${pathway}\n${base}${name}/index.m3u8`;
      return [
        `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="${group}",NAME="Main",DEFAULT=YES,AUTOSELECT=YES,URI="${base}audio/index.m3u8"`,
        variant("v360", 640, 360, 400_000),
        variant("v180", 320, 180, 150_000),
      ];
    };
    return [
      "#EXTM3U",
      "#EXT-X-VERSION:9",
      "#EXT-X-INDEPENDENT-SEGMENTS",
      ...(steering === null ? [] : [`#EXT-X-CONTENT-STEERING:SERVER-URI="/steering",PATHWAY-ID="${first}"`]),
      ...(captions
        ? ['#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",LANGUAGE="en",AUTOSELECT=YES,URI="subs/index.m3u8"']
        : []),
      ...Object.entries(pathways).flatMap(onPathway),
      "",
    ].join("\n");
  }

  playlist(track: TrackName | "subs"): string {
    const lines: string[] = [];
    const last = this.sessions.at(-1);
    if (last === undefined) throw new Error("nobody has published");
    const edge = last.firstSegment + Math.ceil(this.partsOf(last) / PARTS_PER_SEGMENT);
    const first = Math.max(0, edge - this.window);
    let session: Session | undefined;
    let discontinuities = 0;
    for (const { id, firstSegment } of this.sessions) if (id > 0 && firstSegment < first) discontinuities += 1;
    for (let msn = first; msn < edge; msn++) {
      const current = this.sessionOf(msn)!;
      if (current !== session) {
        if (session !== undefined || (current.id > 0 && current.firstSegment === first))
          lines.push("#EXT-X-DISCONTINUITY");
        if (track !== "subs") lines.push(`#EXT-X-MAP:URI="init-${current.id}.mp4"`);
        session = current;
      }
      const index = msn - current.firstSegment;
      const parts = Math.min(PARTS_PER_SEGMENT, this.partsOf(current) - index * PARTS_PER_SEGMENT);
      lines.push(
        `#EXT-X-PROGRAM-DATE-TIME:${new Date(current.startedAt + index * SEGMENT_DURATION * 1000).toISOString()}`,
      );
      if (track === "subs") {
        if (parts === PARTS_PER_SEGMENT) lines.push(`#EXTINF:${SEGMENT_DURATION},`, `${msn}.vtt`);
        continue;
      }
      if (msn >= edge - SEGMENTS_WITH_PARTS && !this.ended) {
        for (let part = 0; part < parts; part++) {
          const independent = part === 0 || track === "audio" ? ",INDEPENDENT=YES" : "";
          lines.push(`#EXT-X-PART:DURATION=${PART_DURATION},URI="${msn}.${part}.m4s"${independent}`);
        }
      }
      if (parts === PARTS_PER_SEGMENT) lines.push(`#EXTINF:${SEGMENT_DURATION},`, `${msn}.m4s`);
    }
    if (lines.at(-1)?.startsWith("#EXT-X-PROGRAM-DATE-TIME")) lines.pop();
    if (this.ended) lines.push("#EXT-X-ENDLIST");
    else if (track !== "subs") {
      // hls.js needs the hint: without it, it takes the last whole segment for the one in the making.
      const parts = this.partsOf(last);
      const next = last.firstSegment + Math.floor(parts / PARTS_PER_SEGMENT);
      lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${next}.${parts % PARTS_PER_SEGMENT}.m4s"`);
    }
    const lowLatency = track === "subs" || this.ended;
    return [
      "#EXTM3U",
      "#EXT-X-VERSION:9",
      "#EXT-X-TARGETDURATION:1",
      ...(lowLatency
        ? []
        : [
            `#EXT-X-PART-INF:PART-TARGET=${PART_DURATION}`,
            `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${PART_HOLD_BACK}`,
          ]),
      `#EXT-X-MEDIA-SEQUENCE:${first}`,
      `#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuities}`,
      ...lines,
      "",
    ].join("\n");
  }

  /** One period for each publisher, all on the clock of the first. */
  mpd(base: string): string {
    const [first] = this.sessions;
    if (first === undefined) throw new Error("nobody has published");
    const start = new Date(first.startedAt).toISOString();
    const period = (session: Session) => {
      const template = (name: string, timescale: number) =>
        `<SegmentTemplate timescale="${timescale}" duration="${SEGMENT_DURATION * timescale}" startNumber="${session.firstSegment}" initialization="${name}/init-${session.id}.mp4" media="${name}/$Number$.m4s" availabilityTimeOffset="${SEGMENT_DURATION - PART_DURATION}" availabilityTimeComplete="false"/>`;
      const video = (name: TrackName, width: number, height: number, bandwidth: number) =>
        `<Representation id="${name}" codecs="avc1.4d401e" width="${width}" height="${height}" frameRate="25" bandwidth="${bandwidth}">${template(name, 12800)}</Representation>`;
      const length =
        session.segments === null ? "" : ` duration="PT${(session.segments * SEGMENT_DURATION).toFixed(2)}S"`;
      return `<Period id="p${session.id}" start="PT${((session.startedAt - first.startedAt) / 1000).toFixed(3)}S"${length}>
<AdaptationSet id="0" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
${video("v180", 320, 180, 150_000)}
${video("v360", 640, 360, 400_000)}
</AdaptationSet>
<AdaptationSet id="1" mimeType="audio/mp4" lang="en" segmentAlignment="true" startWithSAP="1">
<Representation id="audio" codecs="mp4a.40.2" audioSamplingRate="32000" bandwidth="24000">${template("audio", 32000)}</Representation>
</AdaptationSet>
</Period>`;
    };
    return `<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="${this.ended ? "static" : "dynamic"}" availabilityStartTime="${start}" publishTime="${new Date().toISOString()}" minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT${this.window * SEGMENT_DURATION}S" minBufferTime="PT0.5S" maxSegmentDuration="PT1S">
<ServiceDescription id="0"><Latency target="1000" min="600" max="3000"/><PlaybackRate min="0.96" max="1.1"/></ServiceDescription>
${this.sessions.map(period).join("\n")}
<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="${base}/time"/>
</MPD>
`;
  }
}

/** Content steering (RFC 8216bis §7): pathways by name, and which of them viewers are to prefer, best first. */
interface Steering {
  readonly edges: Readonly<Record<string, { readonly url: string }>>;
  priority: readonly string[];
}

/** A server in front of a stream. Several may stand before the same one: they are its edges. */
export interface Edge extends AsyncDisposable {
  readonly url: string;
  readonly hls: string;
  readonly dash: string;
  behaviour: Behaviour;
  /** Paths asked for, in order. */
  readonly requests: string[];
  /** Serves a captions rendition too. */
  captions: boolean;
  /** Offers these edges as pathways, and steers among them; null = only itself. */
  steering: Steering | null;
  /** Dies: every connection is cut and new ones are refused. */
  close(): Promise<void>;
  /** Comes back at the same address. */
  reopen(): Promise<void>;
}

/** Starts an edge on a free port of the loopback interface. */
export async function startEdge(stream: LiveStream): Promise<Edge> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? "");
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  const edge: Edge = {
    url,
    hls: `${url}/live/index.m3u8`,
    dash: `${url}/live/index.mpd`,
    behaviour: "ok",
    captions: false,
    steering: null,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
    reopen: () => listen(port),
    async [Symbol.asyncDispose]() {
      if (server.listening) await this.close();
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("cache-control", "no-store");
    const { pathname, searchParams } = new URL(request.url ?? "", url);
    const send = (type: string, body: string | Buffer) => response.setHeader("content-type", type).end(body);
    if (pathname === "/time") return void send("text/plain", new Date().toISOString());
    if (pathname === "/captions.vtt")
      return void send("text/vtt", "WEBVTT\n\n00:00:00.000 --> 99:00:00.000\nBeside the stream\n");
    if (pathname === "/steering")
      return void send(
        "application/json",
        JSON.stringify({ VERSION: 1, TTL: 1, "PATHWAY-PRIORITY": edge.steering?.priority ?? [] }),
      );
    if (edge.behaviour === "silent") return;
    if (edge.behaviour === "absent" || stream.sessions.length === 0) return void response.writeHead(404).end();
    if (edge.behaviour === "broken") return void response.writeHead(500).end();
    if (pathname === "/live/index.m3u8") return void send("application/vnd.apple.mpegurl", stream.multivariant(edge));
    if (pathname === "/live/index.mpd") return void send("application/dash+xml", stream.mpd(url));
    const [, track = "", file = ""] = /^\/live\/(\w+)\/([\w.-]+)$/.exec(pathname) ?? [];
    if (track === "subs") return void subtitles(file, send);
    if (!isTrack(track)) return void response.writeHead(404).end();
    if (file === "index.m3u8") {
      const msn = searchParams.get("_HLS_msn");
      if (msn !== null && !stream.ended) await stream.until(Number(msn), Number(searchParams.get("_HLS_part") ?? 4));
      return void send("application/vnd.apple.mpegurl", stream.playlist(track));
    }
    if (file.startsWith("init-")) return void send("video/mp4", tracks[track].init);
    await media(track, file, response);
  }

  function subtitles(file: string, send: (type: string, body: string) => void): void {
    if (file === "index.m3u8") {
      send("application/vnd.apple.mpegurl", stream.playlist("subs"));
      return;
    }
    const msn = Number.parseInt(file, 10);
    const session = stream.sessionOf(msn);
    const start = (msn - (session?.firstSegment ?? 0)) * SEGMENT_DURATION;
    const stamp = (time: number) => new Date(time * 1000).toISOString().slice(11, 23);
    send(
      "text/vtt",
      `WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n${stamp(start)} --> ${stamp(start + SEGMENT_DURATION)}\nLine ${msn}\n`,
    );
  }

  async function media(track: TrackName, file: string, response: ServerResponse): Promise<void> {
    const [, number = "", onePart] = /^(\d+)(?:\.(\d+))?\.m4s$/.exec(file) ?? [];
    const msn = Number(number);
    const session = stream.sessionOf(msn);
    if (number === "" || session === undefined) return void response.writeHead(404).end();
    const first = (msn - session.firstSegment) * PARTS_PER_SEGMENT;
    if (stream.partsOf(session) < first - 1) return void response.writeHead(404).end();
    response.setHeader("content-type", "video/mp4");
    const parts = onePart === undefined ? [0, 1, 2, 3, 4] : [Number(onePart)];
    for (const part of parts) {
      if (!(await stream.until(msn, part))) return void response.destroy();
      const bytes = tracks[track].part(first + part);
      if (edge.behaviour === "garbage") bytes.fill(0xff, 8);
      if (edge.behaviour === "undecodable") bytes.fill(0xff, bytes.indexOf("mdat", 0, "latin1") + 4);
      response.write(bytes);
    }
    response.end();
  }

  return edge;
}

function isTrack(name: string): name is TrackName {
  return name in tracks;
}
