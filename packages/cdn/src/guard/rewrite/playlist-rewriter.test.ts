import { describe, expect, test } from "vitest";
import type { RawRequest, RawResponse } from "../../handler/raw.ts";
import { isNotModified } from "../../http/conditional.ts";
import { fieldOf } from "../../http/fields.ts";
import { parseRange, resolveRange } from "../../http/range.ts";
import { ask, behind, HIT, refusalOf, SECRET } from "../guard.test-setup.ts";
import { signUrl } from "../token/sign-url.ts";
import { signedUrls } from "../token/signed-urls.ts";
import { cutDash } from "./dash-links.ts";
import { cutHls } from "./hls-links.ts";
import { MAX_PLAYLIST_BYTES } from "./playlist-rewriter.ts";

const rules = { base: "https://edge.example/live/demo/index.m3u8", paths: ["/live/demo/"], param: "token" };

test("every link of an HLS playlist that the token covers gets it, whatever tag it stands in", () => {
  const playlist = `#EXTM3U
#EXT-X-VERSION:10
#EXT-X-DEFINE:NAME="host",VALUE="https://other.example"
#EXT-X-CONTENT-STEERING:SERVER-URI="steer.json",PATHWAY-ID="A"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a,URI=b",URI="audio/index.m3u8"
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"
#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://key/1",KEYFORMAT="com.apple.streamingkeydelivery"
#EXT-X-KEY:METHOD=AES-128,URI="https://keys.example/live/demo/key"
#EXT-X-KEY:METHOD=AES-128,URI="https://edge.example/live/demo/key"
#EXT-X-MAP:URI="init.mp4",BYTERANGE="10@0"
#EXT-X-DATERANGE:ID="ad",X-ASSET-URI="/ads/1.m3u8",X-ASSET-LIST="assets.json?a=1"
#EXT-X-PART:DURATION=0.2,URI="7.1.m4s"
# a comment with URI="x"

#EXTINF:2,
7.m4s
#EXTINF:2,
8.m4s?x=1#t=1
../demo/9.m4s
../other/9.m4s
//edge.example/live/demo/10.m4s
{$host}/live/demo/11.m4s
12.m4s?token=mine
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="13.1.m4s"
#EXT-X-RENDITION-REPORT:URI="../demo/low.m3u8",LAST-MSN=7
`.replace("8.m4s?x=1#t=1\n", "8.m4s?x=1#t=1\r\n");
  expect(cutHls(playlist, rules).join("T")).toBe(`#EXTM3U
#EXT-X-VERSION:10
#EXT-X-DEFINE:NAME="host",VALUE="https://other.example"
#EXT-X-CONTENT-STEERING:SERVER-URI="steer.json?token=T",PATHWAY-ID="A"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a,URI=b",URI="audio/index.m3u8?token=T"
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8?token=T"
#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://key/1",KEYFORMAT="com.apple.streamingkeydelivery"
#EXT-X-KEY:METHOD=AES-128,URI="https://keys.example/live/demo/key"
#EXT-X-KEY:METHOD=AES-128,URI="https://edge.example/live/demo/key?token=T"
#EXT-X-MAP:URI="init.mp4?token=T",BYTERANGE="10@0"
#EXT-X-DATERANGE:ID="ad",X-ASSET-URI="/ads/1.m3u8",X-ASSET-LIST="assets.json?a=1&token=T"
#EXT-X-PART:DURATION=0.2,URI="7.1.m4s?token=T"
# a comment with URI="x"

#EXTINF:2,
7.m4s?token=T
#EXTINF:2,
8.m4s?x=1&token=T#t=1\r
../demo/9.m4s?token=T
../other/9.m4s
//edge.example/live/demo/10.m4s?token=T
{$host}/live/demo/11.m4s
12.m4s?token=mine
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="13.1.m4s?token=T"
#EXT-X-RENDITION-REPORT:URI="../demo/low.m3u8?token=T",LAST-MSN=7
`);
});

test("so does every link of an MPD, relative to the BaseURLs around it", () => {
  const mpd = `<?xml version="1.0"?>
<!-- <BaseURL>no/</BaseURL> -->
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="a > b">
  <Location>https://edge.example/live/demo/manifest.mpd?x=1&amp;y=2</Location>
  <BaseURL>media/</BaseURL>
  <Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013">
    <AdaptationSet>
      <SegmentTemplate media="$RepresentationID$/$Number%05d$.m4s" initialization='$RepresentationID$/init.mp4' startNumber="1"/>
      <Representation id="v"><BaseURL serviceLocation="a"> v.mp4 </BaseURL><SegmentBase indexRange="0-1"><Initialization sourceURL="i.mp4"/></SegmentBase></Representation>
      <Representation id="w"><BaseURL>https://other.example/live/demo/</BaseURL><SegmentList><SegmentURL media="1.m4s"/></SegmentList></Representation>
      <Representation id="x"><BaseURL>x/</BaseURL><BaseURL>https://other.example/x/</BaseURL><SegmentTemplate media="$Time$.m4s"/></Representation>
      <Representation id="y"><BaseURL>/other/</BaseURL><SegmentTemplate media="$Time$.m4s"/></Representation>
      <Representation id="z"><SegmentTemplate media="$Time$.m4s?a=1&amp;b=2"/></Representation>
    </AdaptationSet>
  </Period>
  <UTCTiming value="https://edge.example/live/demo/time"/>
</MPD>
`;
  expect(cutDash(mpd, rules).join("T")).toBe(`<?xml version="1.0"?>
<!-- <BaseURL>no/</BaseURL> -->
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="a > b">
  <Location>https://edge.example/live/demo/manifest.mpd?x=1&amp;y=2&amp;token=T</Location>
  <BaseURL>media/?token=T</BaseURL>
  <Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013">
    <AdaptationSet>
      <SegmentTemplate media="$RepresentationID$/$Number%05d$.m4s?token=T" initialization='$RepresentationID$/init.mp4?token=T' startNumber="1"/>
      <Representation id="v"><BaseURL serviceLocation="a"> v.mp4?token=T </BaseURL><SegmentBase indexRange="0-1"><Initialization sourceURL="i.mp4?token=T"/></SegmentBase></Representation>
      <Representation id="w"><BaseURL>https://other.example/live/demo/</BaseURL><SegmentList><SegmentURL media="1.m4s"/></SegmentList></Representation>
      <Representation id="x"><BaseURL>x/?token=T</BaseURL><BaseURL>https://other.example/x/</BaseURL><SegmentTemplate media="$Time$.m4s"/></Representation>
      <Representation id="y"><BaseURL>/other/</BaseURL><SegmentTemplate media="$Time$.m4s"/></Representation>
      <Representation id="z"><SegmentTemplate media="$Time$.m4s?a=1&amp;b=2&amp;token=T"/></Representation>
    </AdaptationSet>
  </Period>
  <UTCTiming value="https://edge.example/live/demo/time"/>
</MPD>
`);
});

test("text that is no playlist at all comes out as it is", () => {
  for (const text of [
    "",
    "<",
    "<!--",
    "<MPD",
    '<a b="',
    "</a></a>text",
    "<![CDATA[",
    "\r\n\n",
    '#EXT-X-MAP:URI="',
    "&<>",
  ]) {
    expect(cutDash(text, rules).join("T")).toBe(text);
    expect(cutHls(`#${text}`, rules).join("T")).toBe(`#${text}`);
  }
});

describe("behind a guard", () => {
  const PLAYLIST = Buffer.from('#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2,\n7.m4s\n');
  const now = Date.UTC(2026, 0, 1);
  const guard = signedUrls({ keys: { k: SECRET }, clock: () => now, rewritePlaylists: true });
  const sign = (subject: string): string =>
    signUrl("/live/demo/index.m3u8", {
      key: SECRET,
      keyId: "k",
      expires: now / 1000 + 60,
      prefix: "/live/demo/",
      subject,
      place: "query",
      clock: () => now,
    });
  const tokenIn = (url: string): string => url.split("token=")[1]!;
  const headers = (length = PLAYLIST.length): string[] => [
    "content-type",
    "application/vnd.apple.mpegurl",
    "content-length",
    String(length),
    "cache-control",
    "max-age=1",
    "etag",
    '"7"',
    "last-modified",
    "Thu, 01 Jan 2026 00:00:00 GMT",
    "age",
    "1",
  ];

  /** As an edge does: ranges, validators and an encoding for who takes it. */
  function upstream(request: RawRequest): RawResponse {
    if (request.target !== "/live/demo/index.m3u8") return HIT;
    if (isNotModified(request.headers, { etag: '"7"' })) return { status: 304, headers: [], body: null };
    if (request.headers["accept-encoding"]?.includes("gzip")) {
      return { status: 200, headers: [...headers(), "content-encoding", "gzip"], body: PLAYLIST };
    }
    const asked = parseRange(request.headers.range);
    const range = asked.kind === "whole" ? null : resolveRange(asked, PLAYLIST.length);
    if (range === null) return { status: 200, headers: headers(), body: PLAYLIST };
    const part = PLAYLIST.subarray(range.start, range.end);
    return { status: 206, headers: headers(part.length), body: part };
  }
  const textOf = (answer: RawResponse | undefined): string => Buffer.from(answer!.body as Uint8Array).toString();

  test("each viewer gets links of their own, and nobody keeps them", async () => {
    const { send, passed } = behind(guard, upstream);
    for (const viewer of ["ann", "ben"]) {
      const url = sign(viewer);
      const answer = await send(ask(url));
      const token = tokenIn(url);
      expect(textOf(answer)).toBe(
        `#EXTM3U\n#EXT-X-MAP:URI="init.mp4?token=${token}"\n#EXTINF:2,\n7.m4s?token=${token}\n`,
      );
      expect(fieldOf(answer!.headers, "content-length")).toBe(String((answer!.body as Uint8Array).length));
      expect(fieldOf(answer!.headers, "cache-control")).toBe("private, no-store");
      expect(fieldOf(answer!.headers, "last-modified")).toBeUndefined();
      expect(fieldOf(answer!.headers, "age")).toBeUndefined();
    }
    expect(new Set(passed.map(({ target }) => target))).toEqual(new Set(["/live/demo/index.m3u8"]));
    expect(await send(ask(`/live/demo/7.m4s?token=${tokenIn(sign("ann"))}`))).toBe(HIT);
  });

  test("a body that arrives in pieces is written whole, and one without end is given up and let go", async () => {
    let let_go = false;
    async function* pieces(count: number) {
      try {
        for (let at = 0; at < count; at += 1) yield at === 0 ? PLAYLIST : Buffer.alloc(65_536, "\n");
      } finally {
        let_go = true;
      }
    }
    const growing = (count: number) =>
      behind(guard, () => ({ status: 200, headers: ["content-type", "audio/mpegurl"], body: pieces(count) }));
    expect(textOf(await growing(1).send(ask(sign("ann"))))).toContain("7.m4s?token=k.");
    expect(let_go).toBe(true);
    let_go = false;
    expect(await refusalOf(growing(Number.POSITIVE_INFINITY).send(ask(sign("ann"))))).toBe("PLAYLIST_NOT_REWRITABLE");
    expect(let_go).toBe(true);
    const large = behind(guard, () => ({
      status: 200,
      headers: headers(),
      body: Buffer.alloc(MAX_PLAYLIST_BYTES + 1),
    }));
    expect(await refusalOf(large.send(ask(sign("ann"))))).toBe("PLAYLIST_NOT_REWRITABLE");
  });

  test("its ETag is one of the token, so that nobody keeps another token's links by it", async () => {
    const { send } = behind(guard, upstream);
    const etag = fieldOf((await send(ask(sign("ann"))))!.headers, "etag")!;
    expect(etag).toMatch(/^W\/"7\.[\w-]{16}"$/);
    const same = await send(ask(sign("ann"), { headers: { "if-none-match": etag } }));
    expect([same?.status, same?.body, fieldOf(same!.headers, "etag")]).toEqual([304, null, etag]);
    expect(same?.headers.some((name) => name.startsWith("content-"))).toBe(false);
    expect((await send(ask(sign("ben"), { headers: { "if-none-match": etag } })))?.status).toBe(200);
  });

  test("a range, or an encoding, of a playlist is answered with all of it", async () => {
    const { send, passed } = behind(guard, upstream);
    for (const fields of [{ range: "bytes=5-9" }, { "accept-encoding": "gzip, br" }]) {
      const answer = await send(ask(sign("ann"), { headers: fields as unknown as Record<string, string> }));
      expect(answer?.status).toBe(200);
      expect(textOf(answer)).toContain("7.m4s?token=");
      expect(fieldOf(answer!.headers, "content-encoding")).toBeUndefined();
      expect(passed.at(-1)?.headers.range).toBeUndefined();
    }
    const encoded = behind(guard, () => ({
      status: 200,
      headers: [...headers(), "content-encoding", "br"],
      body: PLAYLIST,
    }));
    expect(await refusalOf(encoded.send(ask(sign("ann"))))).toBe("PLAYLIST_NOT_REWRITABLE");
  });

  test("HEAD says no length, errors and other types pass as they are, and so does what has its token in the path", async () => {
    const { send } = behind(guard, upstream);
    const head = await send(ask(sign("ann"), { method: "HEAD" }));
    expect([head?.status, head?.body, fieldOf(head!.headers, "content-length")]).toEqual([200, null, undefined]);
    const missing: RawResponse = { status: 404, headers: headers(), body: PLAYLIST };
    expect(await behind(guard, () => missing).send(ask(sign("ann")))).toBe(missing);
    const inPath = await send(ask(`/~${tokenIn(sign("ann"))}/live/demo/index.m3u8`));
    expect(inPath?.body).toBe(PLAYLIST);
  });

  test("what the cache lends for the body is given back, once for each answer", async () => {
    let lent = 0;
    const { send } = behind(guard, (request) => {
      lent += 1;
      return {
        ...upstream(request),
        release: () => {
          lent -= 1;
        },
      };
    });
    await send(ask(sign("ann")));
    await send(ask(sign("ann"), { headers: { range: "bytes=5-9" } }));
    await send(ask(sign("ann"), { method: "HEAD" }));
    expect(lent).toBe(0);
  });
});
