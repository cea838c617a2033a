import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IngestError } from "../../errors.ts";
import { AAC_CONFIG, AVC_CONFIG, aacTrack, avcFrame, avcTrack, hex } from "../../testing/made-source.ts";
import { readAudioTags } from "./audio-tag.ts";
import { messageTimestamp, writeConfig, writeFrame } from "./tag-writer.ts";
import { readVideoTags } from "./video-tag.ts";

const hvc1 = "68766331";
const av01 = "61763031";
const avc1 = "61766331";
const opus = "4f707573";
const mp4a = "6d703461";

/** What matters of a tag, short. */
function brief(tags: readonly ReturnType<typeof readVideoTags>[number][]) {
  return tags.map(({ type, codec, trackId, keyframe, compositionTime, nanoOffset, data }) => ({
    type,
    codec,
    trackId,
    keyframe,
    compositionTime,
    nanoOffset,
    data: Buffer.from(data).toString("hex"),
  }));
}

const base = { codec: "hevc", trackId: 0, keyframe: true, compositionTime: 0, nanoOffset: 0, data: "aabb" };

describe("classic FLV", () => {
  test("H.264: sequence header, keyframe, inter frame with a negative composition time, end of sequence", () => {
    expect(brief(readVideoTags(hex("17 00 000000 0102")))).toEqual([
      { ...base, type: "config", codec: "h264", keyframe: false, data: "0102" },
    ]);
    expect(brief(readVideoTags(hex("17 01 000050 aabb")))).toEqual([
      { ...base, type: "frame", codec: "h264", compositionTime: 80 },
    ]);
    expect(brief(readVideoTags(hex("27 01 ffffd8 aabb")))).toEqual([
      { ...base, type: "frame", codec: "h264", keyframe: false, compositionTime: -40 },
    ]);
    expect(readVideoTags(hex("17 02 000000"))[0]?.type).toBe("end");
  });

  test("HEVC as codec 12, before there was Enhanced RTMP", () => {
    expect(readVideoTags(hex("1c 01 000000 aabb"))[0]).toMatchObject({ codec: "hevc", type: "frame", keyframe: true });
  });

  test("AAC, MP3 and codecs that nobody carries", () => {
    expect(readAudioTags(hex("af 00 1208"))[0]).toMatchObject({ codec: "aac", type: "config", data: AAC_CONFIG });
    expect(readAudioTags(hex("af 01 aa"))[0]).toMatchObject({ codec: "aac", type: "frame", data: hex("aa") });
    expect(readAudioTags(hex("2f fffb"))[0]).toMatchObject({ codec: "mp3", type: "frame", data: hex("fffb") });
    expect(readAudioTags(hex("b2 aa"))[0]).toMatchObject({ codec: null, codecName: "Speex" });
    expect(readVideoTags(hex("12 aa"))[0]).toMatchObject({ codec: null, codecName: "Sorenson H.263" });
  });

  test("empty messages, seek commands and a lone header byte mean nothing", () => {
    expect([
      readVideoTags(hex("")),
      readVideoTags(hex("57 00")),
      readAudioTags(hex("")),
      readAudioTags(hex("af")),
    ]).toEqual([[], [], [], []]);
  });
});

describe("Enhanced RTMP traps of field notes", () => {
  test("composition time exists in CodedFrames for AVC and HEVC, not in CodedFramesX, and never for AV1", () => {
    expect(brief(readVideoTags(hex(`91 ${hvc1} ffffd8 aabb`)))).toEqual([
      { ...base, type: "frame", compositionTime: -40 },
    ]);
    expect(brief(readVideoTags(hex(`91 ${avc1} 000028 aabb`)))).toEqual([
      { ...base, type: "frame", codec: "h264", compositionTime: 40 },
    ]);
    expect(brief(readVideoTags(hex(`93 ${hvc1} aabb`)))).toEqual([{ ...base, type: "frame" }]);
    expect(brief(readVideoTags(hex(`a1 ${av01} aabb`)))).toEqual([
      { ...base, type: "frame", codec: "av1", keyframe: false },
    ]);
  });

  test("ModEx is followed in a loop, its nanoseconds are added, unknown ones are passed over", () => {
    // 3 bytes of nanoseconds, then an unknown modification of 2 bytes, then CodedFramesX.
    expect(brief(readVideoTags(hex(`97 02 0003e8 07 01 ffff 53 ${hvc1} aabb`)))).toEqual([
      { ...base, type: "frame", nanoOffset: 1000 },
    ]);
    // A size of 256 says: 16 bits of size follow.
    expect(brief(readVideoTags(hex(`97 ff 0001 ffff 53 ${hvc1} aabb`)))).toEqual([{ ...base, type: "frame" }]);
    expect(readAudioTags(hex(`97 02 0003e8 01 ${opus} aabb`))[0]).toMatchObject({
      nanoOffset: 1000,
      codec: "opus",
      type: "frame",
    });
  });

  test("multitrack: one track, many tracks of a codec, many tracks of many codecs", () => {
    expect(brief(readVideoTags(hex(`96 03 ${hvc1} 05 aabb`)))).toEqual([{ ...base, type: "frame", trackId: 5 }]);
    expect(brief(readVideoTags(hex(`96 13 ${hvc1} 00 000002 aabb 01 000001 cc`)))).toEqual([
      { ...base, type: "frame" },
      { ...base, type: "frame", trackId: 1, data: "cc" },
    ]);
    expect(brief(readVideoTags(hex(`96 21 ${hvc1} 00 000005 000028 aabb ${av01} 01 000001 cc`)))).toEqual([
      { ...base, type: "frame", compositionTime: 40 },
      { ...base, type: "frame", codec: "av1", trackId: 1, data: "cc" },
    ]);
    expect(readAudioTags(hex(`95 20 ${mp4a} 00 000002 1208 ${opus} 02 000001 cc`))).toMatchObject([
      { type: "config", codec: "aac", trackId: 0 },
      { type: "config", codec: "opus", trackId: 2 },
    ]);
  });

  test("multitrack within multitrack, and a track that is cut off, are errors with a code", () => {
    for (const bytes of [
      `96 06 ${hvc1} 05`,
      `96 13 ${hvc1} 00 0000ff aabb`,
      `96 33 ${hvc1} 00 aa`,
      "97 ff 00",
      "91 68",
    ]) {
      expect(() => readVideoTags(hex(bytes))).toThrow(IngestError);
    }
  });

  test("metadata, sequence ends and MPEG-2 TS sequence starts are no frames", () => {
    expect(readVideoTags(hex(`94 ${hvc1} 02`))[0]?.type).toBe("metadata");
    expect(readVideoTags(hex(`d4 ${hvc1} 02`))[0]?.type).toBe("metadata");
    expect(readVideoTags(hex(`92 ${hvc1}`))[0]?.type).toBe("end");
    expect(readVideoTags(hex(`95 ${av01} aabb`))[0]?.type).toBe("other");
    expect(readAudioTags(hex(`94 ${opus} aabb`))[0]?.type).toBe("other");
    expect(readVideoTags(hex("d0 00"))).toEqual([]);
  });

  test("a FourCC that nobody knows is named", () => {
    expect(readVideoTags(hex("93 78797a21 aa"))[0]).toMatchObject({ codec: null, codecName: "xyz!" });
    expect(readAudioTags(hex("91 61632d33 aa"))[0]).toMatchObject({ codec: null, codecName: "ac-3" });
  });
});

test("what is written is read again", () => {
  const dts = 40 * 120;
  for (const composition of [0, 80]) {
    const packet = {
      track: avcTrack,
      dts,
      pts: dts + composition * 120,
      duration: 4800,
      keyframe: true,
      data: avcFrame(true),
    };
    expect(messageTimestamp(packet)).toBe(40);
    expect(readVideoTags(writeFrame(packet))[0]).toMatchObject({ data: packet.data, compositionTime: composition });
    const hevc = { ...packet, track: { ...avcTrack, codec: "hvc1.1.6.L93.B0" } };
    expect(readVideoTags(writeFrame(hevc))[0]).toMatchObject({
      codec: "hevc",
      compositionTime: composition,
      keyframe: true,
    });
  }
  expect(readVideoTags(writeConfig(avcTrack)!)[0]).toMatchObject({ codec: "h264", type: "config", data: AVC_CONFIG });
  expect(readAudioTags(writeConfig(aacTrack)!)[0]).toMatchObject({ codec: "aac", type: "config", data: AAC_CONFIG });
});

test("arbitrary bytes give tags or a typed error, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      for (const read of [readVideoTags, readAudioTags]) {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_MEDIA" });
        }
      }
    }),
    { numRuns: 2000 },
  );
});
