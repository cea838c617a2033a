import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import { mediaPlaylist, multivariantPlaylist } from "./arbitrary-playlist.ts";
import { parseMediaPlaylist } from "./parse-media-playlist.ts";
import { parseMultivariantPlaylist } from "./parse-multivariant-playlist.ts";
import { parsePlaylist } from "./parse-playlist.ts";
import { playlistVariables } from "./variables.ts";
import { writeMediaPlaylist } from "./write-media-playlist.ts";
import { writeMultivariantPlaylist } from "./write-multivariant-playlist.ts";

describe("what is written is read back", () => {
  test("any Media Playlist", () => {
    fc.assert(
      fc.property(mediaPlaylist, (playlist) => {
        expect(parsePlaylist(writeMediaPlaylist(playlist))).toEqual(playlist);
      }),
    );
  });

  test("any Multivariant Playlist", () => {
    fc.assert(
      fc.property(multivariantPlaylist, (playlist) => {
        expect(parsePlaylist(writeMultivariantPlaylist(playlist))).toEqual(playlist);
      }),
    );
  });
});

describe("whatever the text", () => {
  const tags = fc.constantFrom(
    ...[
      "#EXTM3U",
      "#EXTINF:",
      "#EXTINF:2,",
      "#EXT-X-TARGETDURATION:2",
      "#EXT-X-PART:",
      "#EXT-X-KEY:METHOD=NONE",
      "#EXT-X-MAP:URI=",
      "#EXT-X-VERSION:",
    ],
    ...[
      "#EXT-X-DEFINE:NAME=",
      '#EXT-X-DEFINE:NAME="a",VALUE="b"',
      "{$a}",
      "#EXT-X-SKIP:SKIPPED-SEGMENTS=1",
      "#EXT-X-BYTERANGE:1",
      "#EXT-X-STREAM-INF:BANDWIDTH=1",
    ],
    ...[
      "#EXT-X-DATERANGE:ID=",
      "#EXT-X-PROGRAM-DATE-TIME:2020-01-01T00:00:00Z",
      "#",
      "a",
      '"',
      ",",
      "=",
      "\n",
      "\n",
      "\r\n",
      "0x",
      "YES",
      "@",
    ],
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(fc.oneof(tags, fc.string({ maxLength: 4 })), { maxLength: 40 })
      .map((pieces) => `#EXTM3U\n${pieces.join("")}`),
    fc.array(tags, { maxLength: 40 }).map((pieces) => `#EXTM3U\n#EXT-X-TARGETDURATION:2\n${pieces.join("\n")}`),
  );

  test("it is read, or refused with a typed error that names the line", () => {
    fc.assert(
      fc.property(text, (input) => {
        try {
          parsePlaylist(input);
        } catch (error) {
          expect(error).toBeInstanceOf(MediaError);
          expect((error as MediaError).line).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a megabyte of quotation marks, commas or one endless line does not hang", () => {
    for (const piece of ['"', ",", "A", "=", "{$", '\n#EXT-X-KEY:METHOD=AES-128,URI="u"']) {
      const input = `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART:${piece.repeat(1_000_000 / piece.length)}`;
      expect(() => parseMediaPlaylist(input)).toThrow(
        expect.objectContaining({ name: "MediaError", line: expect.any(Number) }),
      );
    }
  });
});

const media = (content: string): string => `#EXTM3U\n#EXT-X-TARGETDURATION:4\n${content}\n`;

describe("errors say what is wrong and where", () => {
  test("a tag of too many attributes", () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `X-${index}=1`);
    expect(catchError(() => parsePlaylist(media(`#EXT-X-DATERANGE:ID="a",${names.join(",")}`))).code).toBe(
      "LIMIT_EXCEEDED",
    );
  });

  test("too many keys at once", () => {
    const keys = Array.from(
      { length: 20_000 },
      (_, index) => `#EXT-X-KEY:METHOD=AES-128,URI="u",KEYFORMAT="${index}"\n#EXT-X-MAP:URI="m"`,
    );
    expect(catchError(() => parsePlaylist(media(keys.join("\n")))).code).toBe("LIMIT_EXCEEDED");
  });

  test.each([
    ["", "MALFORMED", 1, "a playlist begins with #EXTM3U"],
    ["\ufeff#EXTM3U\n", "MALFORMED", 1, "byte order mark"],
    ["\n#EXTM3U\n", "MALFORMED", 1, "a playlist begins with #EXTM3U"],
    ["#EXTM3U\n", "MALFORMED", 1, "neither a Media nor a Multivariant Playlist"],
    ["#EXTM3U\n#EXTINF:4,\na\n", "MALFORMED", 3, "needs EXT-X-TARGETDURATION"],
    [
      media("#EXTINF:4,\na\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb"),
      "MALFORMED",
      5,
      "EXT-X-STREAM-INF belongs to a Multivariant Playlist",
    ],
    ["#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb\n#EXTINF:4,\n", "MALFORMED", 4, "EXTINF belongs to a Media Playlist"],
    ["#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-FOO\nb\n", "MALFORMED", 2, "must be followed by a URI"],
    ['#EXTM3U\n#EXT-X-STREAM-INF:CODECS="a"\nb\n', "MALFORMED", 2, "EXT-X-STREAM-INF needs BANDWIDTH"],
    [
      "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1280X720\nb\n",
      "MALFORMED",
      2,
      "RESOLUTION is no decimal-resolution",
    ],
    ['#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="a",NAME="b"\n', "MALFORMED", 2, "EXT-X-MEDIA needs URI"],
    ['#EXTM3U\n#EXT-X-MEDIA:TYPE=OTHER,GROUP-ID="a",NAME="b"\n', "MALFORMED", 2, "TYPE is none of AUDIO"],
    ['#EXTM3U\n#EXT-X-SESSION-DATA:DATA-ID="a"\n', "MALFORMED", 2, "needs either VALUE or URI"],
    [media("a"), "MALFORMED", 3, "a URI without EXTINF"],
    [media("#EXTINF:4,"), "MALFORMED", 3, "the last EXTINF has no URI"],
    [media("#EXTINF:4,\n#EXTINF:4,\na"), "MALFORMED", 4, "a second EXTINF"],
    [media("#EXTINF:-1,\na"), "MALFORMED", 3, "no decimal-floating-point"],
    [media("#EXTINF:1e3,\na"), "MALFORMED", 3, "no decimal-floating-point"],
    [media("#EXT-X-VERSION:99"), "UNSUPPORTED", 3, "99 is above 13"],
    [media("#EXT-X-VERSION:3\n#EXT-X-VERSION:3"), "MALFORMED", 4, "EXT-X-VERSION stands twice"],
    [media("#EXTINF:4,\na\n#EXT-X-MEDIA-SEQUENCE:1"), "MALFORMED", 5, "must come before the first Media Segment"],
    [media("#EXT-X-MEDIA-SEQUENCE:18446744073709551615"), "LIMIT_EXCEEDED", 3, "above 2^53 - 1"],
    [media("#EXT-X-PART-INF:PART-TARGET=1,PART-TARGET=2"), "MALFORMED", 3, "has PART-TARGET twice"],
    [media('#EXT-X-PART:URI="a'), "MALFORMED", 3, "the quotation mark of URI is never closed"],
    [media("#EXT-X-PART:URI=a,DURATION=1"), "MALFORMED", 3, "URI is no quoted-string"],
    [media('#EXT-X-PART:URI="a", DURATION=1'), "MALFORMED", 3, "expected an attribute name"],
    [media('#EXT-X-PART:URI="a",DURATION=1,'), "MALFORMED", 3, "expected ',' and an attribute"],
    [media('#EXT-X-PART:URI="a",DURATION="1"'), "MALFORMED", 3, "DURATION is no decimal-floating-point"],
    [media('#EXT-X-PART:URI="a",DURATION=1,GAP=MAYBE'), "MALFORMED", 3, "GAP is none of YES, NO"],
    [media("#EXT-X-PART:"), "MALFORMED", 3, "has no attributes"],
    [media('#EXT-X-KEY:METHOD=NONE,URI="a"'), "MALFORMED", 3, "must have no other attribute"],
    [media('#EXT-X-KEY:METHOD=AES-128,URI="a",IV=0xZZ'), "MALFORMED", 3, "IV is no hexadecimal-sequence"],
    [
      media('#EXT-X-KEY:METHOD=AES-128,URI="a",IV=0x0102030405060708090A0B0C0D0E0F1011'),
      "MALFORMED",
      3,
      "longer than 128 bits",
    ],
    [media("#EXTINF:4,\n#EXT-X-BYTERANGE:10\na"), "MALFORMED", 5, "must follow a range of the same resource"],
    [media("#EXT-X-PROGRAM-DATE-TIME:2026-02-30T00:00:00Z"), "MALFORMED", 3, "no ISO 8601 date"],
    [media("#EXT-X-PLAYLIST-TYPE:LIVE"), "MALFORMED", 3, "EVENT or VOD"],
    [media('#EXT-X-DEFINE:NAME="a"'), "MALFORMED", 3, "needs VALUE"],
    [media('#EXT-X-DEFINE:IMPORT="a"'), "MALFORMED", 3, "give it in imports"],
    [media('#EXT-X-DEFINE:QUERYPARAM="a"'), "MALFORMED", 3, "give it in url"],
    [media('#EXT-X-MAP:URI="{$a}"'), "MALFORMED", 3, "the variable a is not defined before its use"],
  ])("%j", (text, code, line, message) => {
    const error = catchError(() => parsePlaylist(text));
    expect(error).toBeInstanceOf(MediaError);
    expect({ code: error.code, line: error.line }).toEqual({ code, line });
    expect(error.message).toContain(message);
  });
});

describe("variables", () => {
  test("stand in URIs, quoted strings and hexadecimal sequences, and come from here, the multivariant playlist and the query", () => {
    const multivariant = parseMultivariantPlaylist(
      '#EXTM3U\n#EXT-X-DEFINE:NAME="host",VALUE="https://x"\n#EXT-X-DEFINE:QUERYPARAM="v"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{$host}/{$v}.m3u8\n',
      { url: "https://x/?v=one" },
    );
    expect(multivariant.variants[0]?.uri).toBe("https://x/one.m3u8");
    const playlist = parseMediaPlaylist(
      media(`#EXT-X-DEFINE:IMPORT="host"
#EXT-X-DEFINE:QUERYPARAM="token"
#EXT-X-DEFINE:NAME="twice",VALUE="{$host}/{$host}"
#EXT-X-KEY:METHOD=AES-128,URI="{$twice}",IV=0x{$iv}
#EXTINF:4,{$title}
{$host}/a?{$token}`).replace(
        '#EXT-X-DEFINE:IMPORT="host"',
        '#EXT-X-DEFINE:IMPORT="host"\n#EXT-X-DEFINE:NAME="iv",VALUE="0A"',
      ),
      { url: "https://x/index.m3u8?a=b&token=t%20%2C%zz#f", imports: playlistVariables(multivariant, "?v=one") },
    );
    const iv = new Uint8Array(16);
    iv[15] = 10;
    expect(playlist.segments).toEqual([
      {
        uri: "https://x/a?t ,%zz",
        duration: 4,
        title: "{$title}",
        keys: [{ method: "AES-128", uri: "https://x/https://x", iv }],
      },
    ]);
  });

  test("may have any name, __proto__ too, and errors of a playlist that is no text have no line", () => {
    const defines = [{ name: "__proto__", value: "a" }];
    expect(Object.entries(playlistVariables({ defines }))).toEqual([["__proto__", "a"]]);
    const error = catchError(() => playlistVariables({ defines: [{ queryParam: "v" }] }, "https://x/"));
    expect({ code: error.code, line: error.line }).toEqual({ code: "MALFORMED", line: undefined });
  });

  test("do not unfold without measure", () => {
    const lines = [
      `#EXT-X-DEFINE:NAME="a",VALUE="${"x".repeat(100_000)}"`,
      ...Array.from({ length: 100 }, () => "#EXTINF:4,\n{$a}"),
    ];
    expect(catchError(() => parsePlaylist(media(lines.join("\n")))).code).toBe("LIMIT_EXCEEDED");
  });
});

test("tags of others stay with the segment they stand in", () => {
  const text = media("#EXT-X-OWN:1\n#EXTINF:4,\na\n#EXT-X-CUE-OUT:30\n#EXTINF:4,\nb\n#EXT-X-LAST");
  expect(parsePlaylist(text)).toEqual({
    type: "media",
    targetDuration: 4,
    mediaSequence: 0,
    unknownTags: ["#EXT-X-OWN:1", "#EXT-X-LAST"],
    segments: [
      { uri: "a", duration: 4 },
      { uri: "b", duration: 4, unknownTags: ["#EXT-X-CUE-OUT:30"] },
    ],
  });
});

function catchError(run: () => void): MediaError {
  try {
    run();
  } catch (error) {
    return error as MediaError;
  }
  throw new Error("nothing was thrown");
}
