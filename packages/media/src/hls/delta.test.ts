import { describe, expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import { live } from "./authoring/sound-presentation.ts";
import { applyDelta, createDelta } from "./delta.ts";
import type { MediaPlaylist } from "./media-playlist.ts";
import { parseMediaPlaylist } from "./parse-media-playlist.ts";
import { writeMediaPlaylist } from "./write-media-playlist.ts";

const roundTrip = (playlist: MediaPlaylist): MediaPlaylist => parseMediaPlaylist(writeMediaPlaylist(playlist));

describe("a delta update", () => {
  test("applied to any playlist before it is the whole playlist", () => {
    for (let part = 0; part < 24; part += 1) {
      const whole = live(110 + Math.floor(part / 4), part % 4);
      const previous = live(110, 0);
      expect(applyDelta(previous, roundTrip(createDelta(whole)))).toEqual(whole);
    }
  });

  test("skips what lies wholly before its boundary, measured from the end of the last part", () => {
    expect(createDelta(live(110, 0)).skip).toEqual({ skippedSegments: 4 });
    expect(createDelta(live(110, 3)).skip).toEqual({ skippedSegments: 4 });
    expect(createDelta({ ...live(110, 0), serverControl: { canSkipUntil: 20 } }).skip).toBeUndefined();
    expect(createDelta({ ...live(110, 0), serverControl: {} }).skip).toBeUndefined();
  });

  test("of one that is too old is refused: the whole playlist has to be loaded", () => {
    expect(() => applyDelta(live(110, 0), createDelta(live(121, 0)))).toThrow(MediaError);
    expect(() => applyDelta(live(111, 0), createDelta(live(110, 0)))).toThrow(/load the whole one/);
    expect(() => applyDelta(createDelta(live(110, 0)), createDelta(live(110, 1)))).toThrow(MediaError);
  });

  test("that repeats nothing goes on from what it skips: map, keys, bitrate and byte ranges", () => {
    const head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n";
    const previous = parseMediaPlaylist(`${head}#EXT-X-KEY:METHOD=AES-128,URI="k"
#EXT-X-MAP:URI="i"
#EXTINF:2,
#EXT-X-BYTERANGE:10@0
all.mp4
#EXTINF:2,
#EXT-X-BYTERANGE:10
all.mp4
`);
    const delta = parseMediaPlaylist(`${head}#EXT-X-SKIP:SKIPPED-SEGMENTS=2
#EXTINF:2,
#EXT-X-BYTERANGE:10
all.mp4
#EXT-X-KEY:METHOD=NONE
#EXTINF:2,
other.mp4
`);
    const map = { uri: "i" };
    const keys = [{ method: "AES-128", uri: "k" }];
    expect(applyDelta(previous, delta).segments).toEqual([
      { uri: "all.mp4", duration: 2, byteRange: { length: 10, offset: 0 }, map, keys },
      { uri: "all.mp4", duration: 2, byteRange: { length: 10, offset: 10 }, map, keys },
      { uri: "all.mp4", duration: 2, byteRange: { length: 10, offset: 20 }, map, keys },
      { uri: "other.mp4", duration: 2, map },
    ]);
  });

  test("with date ranges skipped keeps those that are not removed", () => {
    const previous: MediaPlaylist = {
      ...live(110, 0),
      dateRanges: [{ id: "gone" }, { id: "kept" }, { id: "changed" }],
    };
    const delta: MediaPlaylist = {
      ...createDelta(live(111, 0)),
      skip: { skippedSegments: 4, recentlyRemovedDateRanges: ["gone"] },
      dateRanges: [{ id: "changed", duration: 1 }, { id: "new" }],
    };
    expect(applyDelta(previous, delta).dateRanges).toEqual([
      { id: "kept" },
      { id: "changed", duration: 1 },
      { id: "new" },
    ]);
  });
});
