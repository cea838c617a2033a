import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DocumentError } from "../document-error.ts";
import { mediaPlaylist, multivariantPlaylist } from "./arbitrary-playlist.ts";
import { parseMediaPlaylist } from "./parse-media-playlist.ts";
import { parsePlaylist } from "./parse-playlist.ts";
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
          expect(error).toBeInstanceOf(DocumentError);
          expect((error as DocumentError).line).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a megabyte of quotation marks, commas or one endless line does not hang", () => {
    for (const piece of ['"', ",", "A", "=", "{$", '\n#EXT-X-KEY:METHOD=AES-128,URI="u"']) {
      const input = `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART:${piece.repeat(1_000_000 / piece.length)}`;
      expect(() => parseMediaPlaylist(input)).toThrow(DocumentError);
    }
  });
});
