import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import { mpd } from "./arbitrary-mpd.ts";
import { parseMpd } from "./parse-mpd.ts";
import { writeMpd } from "./write-mpd.ts";

test("any MPD that is written is read back", () => {
  fc.assert(
    fc.property(mpd, (document) => {
      expect(parseMpd(writeMpd(document))).toEqual(document);
    }),
  );
});

describe("whatever the text", () => {
  const pieces = fc.constantFrom(
    ...[
      "<MPD",
      ' xmlns="urn:mpeg:dash:schema:mpd:2011"',
      ' profiles="p"',
      ' minBufferTime="PT1S"',
      ">",
      "/>",
      "</MPD>",
      "<Period>",
      "</Period>",
    ],
    ...[
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "<!DOCTYPE x>",
      "<?x?>",
      "&amp;",
      "&#x41;",
      "&",
      ";",
      "xmlns:a='b'",
      "<a:b>",
      '"',
      "'",
      "=",
      " ",
      "\n",
      "text",
    ],
  );

  test("it is read, or refused with a typed error that names the line", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          parseMpd(input);
        } catch (error) {
          expect(error).toBeInstanceOf(MediaError);
          expect((error as MediaError).line).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a document changed in one place is read, or refused with a typed error", () => {
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(3),
      insert: fc.string({ unit: "binary", maxLength: 3 }),
    });
    fc.assert(
      fc.property(mpd, edit, (document, { at, remove, insert }) => {
        const text = writeMpd(document);
        const position = Math.floor(at * text.length);
        try {
          parseMpd(text.slice(0, position) + insert + text.slice(position + remove));
        } catch (error) {
          expect(error).toBeInstanceOf(MediaError);
        }
      }),
    );
  });

  test("attributes of a megabyte do not hang", () => {
    const blank = `a${" ".repeat(1_000_000)}b`;
    expect(
      parseMpd(`<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="${blank}" minBufferTime="PT0S"/>`).profiles,
    ).toEqual([blank]);
    for (const [name, value] of [
      ["availabilityTimeOffset", `${"1".repeat(1_000_000)}x`],
      ["timeShiftBufferDepth", `P${"1".repeat(1_000_000)}`],
    ]) {
      expect(catchError(() => parseMpd(inMpd(`<BaseURL ${name}="${value}"/>`))).code).toBe("MALFORMED");
    }
  });

  test("a megabyte of one piece does not hang", () => {
    const head = '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="" minBufferTime="PT0S">';
    for (const piece of [
      "<",
      "<a>",
      "<a/>",
      "&",
      "<!--",
      "<![CDATA[",
      "]]>",
      '<a b="',
      " ",
      "\r",
      "<a xmlns:p='q'/>",
    ]) {
      const input = head + piece.repeat(1_000_000 / piece.length);
      expect(() => parseMpd(input)).toThrow(expect.objectContaining({ name: "MediaError", line: expect.any(Number) }));
    }
  });
});

function inMpd(content: string): string {
  return `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="p" minBufferTime="PT1S">\n${content}\n</MPD>`;
}

test("prefixes do not matter, namespaces do", () => {
  const text = `<?xml version="1.0"?>
<!-- made by hand -->
<d:MPD xmlns:d="urn:mpeg:dash:schema:mpd:2011" xmlns:c="urn:mpeg:cenc:2013" profiles="a, b" minBufferTime="PT1H2M3.5S">
  <d:Period start='PT0.0S'><d:AdaptationSet>
    <d:ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc" c:default_KID="9eb4050d-e44b-4802-932e-27d75083e266">
      <c:pssh>AAAA
        BBBB</c:pssh>
      <x:pro xmlns:x="urn:microsoft:playready">pro</x:pro>
    </d:ContentProtection>
    <Representation id="not of the MPD's namespace"/>
  </d:AdaptationSet></d:Period>
  <d:BaseURL serviceLocation="&quot;a&#x22;"><![CDATA[http://x/?a&b]]></d:BaseURL>
</d:MPD>`;
  expect(parseMpd(text)).toEqual({
    profiles: ["a", "b"],
    minBufferTime: 3723.5,
    baseUrls: [{ url: "http://x/?a&b", serviceLocation: '"a"' }],
    periods: [
      {
        start: 0,
        adaptationSets: [
          {
            representations: [],
            contentProtections: [
              {
                schemeIdUri: "urn:mpeg:dash:mp4protection:2011",
                value: "cenc",
                defaultKid: "9eb4050d-e44b-4802-932e-27d75083e266",
                pssh: "AAAABBBB",
                elements: [
                  { name: "pro", namespace: "urn:microsoft:playready", attributes: {}, children: [], text: "pro" },
                ],
              },
            ],
          },
        ],
      },
    ],
  });
});

test("only the white space of XML is outer white space", () => {
  expect(parseMpd(inMpd("<BaseURL>\n\t\u00a0a \u2003\r\n</BaseURL>")).baseUrls).toEqual([{ url: "\u00a0a \u2003" }]);
});

describe("errors say what is wrong and where", () => {
  test.each([
    ["", "MALFORMED", 1, "there is no root element"],
    ["<a/>", "MALFORMED", 1, "the root is no MPD"],
    ["<!DOCTYPE MPD [<!ENTITY a 'b'>]><MPD/>", "UNSUPPORTED", 1, "document type declarations are not read"],
    [inMpd("<Period>\n</period>"), "MALFORMED", 3, "</period> where </Period> was due"],
    [inMpd('<Period"/>'), "MALFORMED", 2, "white space lacks"],
    [inMpd("&nbsp;"), "MALFORMED", 1, 'not an entity that XML predefines: "&nbsp;"'],
    [inMpd("<a:b/>"), "MALFORMED", 2, "the namespace prefix a is not declared"],
    [inMpd('<Period start="1" start="2"/>'), "MALFORMED", 2, "the attribute start stands twice"],
    [inMpd('\n<Period start="10s"/>'), "MALFORMED", 3, 'Period @start is no duration from 0 on: "10s"'],
    [inMpd('<Period start="P1M"/>'), "UNSUPPORTED", 2, "years or months"],
    [
      inMpd("<Period><AdaptationSet><Representation id='1'/></AdaptationSet></Period>"),
      "MALFORMED",
      2,
      "Representation needs @bandwidth",
    ],
    [inMpd("<UTCTiming/>"), "MALFORMED", 2, "UTCTiming needs @schemeIdUri"],
    [inMpd("<Period><SegmentTemplate duration='9007199254740993'/></Period>"), "LIMIT_EXCEEDED", 2, "above 2^53 - 1"],
    [inMpd("<a>".repeat(70)), "LIMIT_EXCEEDED", 2, "nest deeper than 64"],
    [inMpd("\u0001"), "MALFORMED", 2, "a character that XML does not allow"],
  ])("%#: $3", (text, code, line, message) => {
    const error = catchError(() => parseMpd(text));
    expect(error).toBeInstanceOf(MediaError);
    expect({ code: error.code, line: error.line }).toEqual({ code, line });
    expect(error.message).toContain(message);
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
