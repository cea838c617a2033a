import fc from "fast-check";
import { expect, test } from "vitest";
import { scanHls } from "./hls-scan.ts";

const scan = (text: string) => scanHls(Buffer.from(text));

const LOW_LATENCY = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.84
#EXT-X-PART-INF:PART-TARGET=0.21
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI="s1-init.mp4"
#EXTINF:2,
s1-7.m4s
#EXT-X-PART:DURATION=0.2,URI="s1-p70.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.2,GAP=YES,URI="s1-p71.m4s"
#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="s2-init.mp4"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="s1-p72.m4s"
#EXT-X-RENDITION-REPORT:URI="../480p/index.m3u8",LAST-MSN=8,LAST-PART=1
#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=8
`;

test("a low-latency playlist says what its parts are, and what comes next", () => {
  expect(scan(LOW_LATENCY)).toEqual({
    kind: "media",
    ended: false,
    targetDuration: 2,
    partTarget: 0.21,
    segments: ["s1-7.m4s"],
    parts: ["s1-p70.m4s"],
    hints: [
      { type: "MAP", uri: "s2-init.mp4" },
      { type: "PART", uri: "s1-p72.m4s" },
    ],
    reports: [
      { uri: "../480p/index.m3u8", lastMsn: 8, lastPart: 1 },
      { uri: "../audio/index.m3u8", lastMsn: 8 },
    ],
  });
});

test.each([
  ["with carriage returns", LOW_LATENCY.replaceAll("\n", "\r\n")],
  ["after a byte order mark", `\ufeff${LOW_LATENCY}`],
  [
    "with blank lines, comments and tags of the future",
    LOW_LATENCY.replaceAll("\n", '\n\n# note\n#EXT-X-NEW:A="b,c"\n'),
  ],
  ["without its last line's end", LOW_LATENCY.trimEnd()],
])("the same %s", (_what, text) => {
  expect(scan(text)).toEqual(scan(LOW_LATENCY));
});

test("a comma or an equals sign within quotes ends no attribute", () => {
  const hints = scan('#EXTM3U\n#EXT-X-PRELOAD-HINT:URI="a,b=c.m4s",TYPE=PART\n')?.hints;
  expect(hints).toEqual([{ type: "PART", uri: "a,b=c.m4s" }]);
});

test("a gap is no segment", () => {
  expect(scan("#EXTM3U\n#EXTINF:2,\n1.ts\n#EXT-X-GAP\n#EXTINF:2,\n2.ts\n#EXTINF:2,\n3.ts\n")?.segments).toEqual([
    "1.ts",
    "3.ts",
  ]);
});

test.each([
  ["#EXTM3U\n#EXTINF:2,\n1.ts\n#EXT-X-ENDLIST\n", true],
  ["#EXTM3U\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:2,\n1.ts\n", true],
  ["#EXTM3U\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXTINF:2,\n1.ts\n", false],
  ["#EXTM3U\n#EXTINF:2,\n1.ts\n", false],
])("%j has ended: %s", (text, ended) => {
  expect(scan(text)?.ended).toBe(ended);
});

test("a Multivariant Playlist is told from a Media Playlist", () => {
  const found = scan('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="a,b"\n720p/index.m3u8\n');
  expect(found).toMatchObject({ kind: "multivariant", segments: [] });
});

test("of a window of hours, the beginning and the end are read", () => {
  const lines = Array.from({ length: 7200 }, (_, n) => `#EXTINF:2,\nsegment-${n}.m4s`);
  const body = Buffer.from(
    `#EXTM3U\n#EXT-X-TARGETDURATION:2\n${lines.join("\n")}\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.m4s"\n`,
  );
  const found = scanHls(body);
  expect(found).toMatchObject({ targetDuration: 2, ended: false, hints: [{ uri: "p.m4s" }] });
  expect(found?.segments.at(-1)).toBe("segment-7199.m4s");
  expect(found?.segments.length).toBeLessThan(3000);
  expect(found?.segments.every((uri) => /^segment-\d+\.m4s$/.test(uri))).toBe(true);
});

test("of one that has ended, all", () => {
  const lines = Array.from({ length: 3600 }, (_, n) => `#EXTINF:2,\nsegment-${n}.m4s`);
  const found = scan(`#EXTM3U\n${lines.join("\n")}\n#EXT-X-ENDLIST\n`);
  expect(found?.segments.length).toBe(3600);
});

test.each(["", "EXTM3U", "#EXTM3UX\n", "<MPD/>", '{"error":{}}', "\0\0\0\x18ftyp"])("%j is no playlist", (text) => {
  expect(scan(text)).toBeUndefined();
});

test("no bytes make it fail, and what it finds is bounded", () => {
  const piece = fc.constantFrom(
    "#EXTINF:",
    "#EXT-X-PART:",
    "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=",
    "#EXT-X-PART-INF:PART-TARGET=",
    "#EXT-X-TARGETDURATION:",
    '"',
    "=",
    ",",
    "\n",
    "-1",
    "1e99",
    "NaN",
    "a.ts",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 200 }), (pieces) => {
      const found = scan(`#EXTM3U\n${pieces.join("")}`);
      expect(found).toBeDefined();
      for (const time of [found?.targetDuration, found?.partTarget]) {
        if (time !== undefined) expect(time > 0 && time < 86_400).toBe(true);
      }
    }),
  );
  const many = scan(`#EXTM3U\n${'#EXT-X-PART:URI="p"\n'.repeat(3000)}`);
  expect(many?.parts.length).toBeLessThanOrEqual(256);
});
