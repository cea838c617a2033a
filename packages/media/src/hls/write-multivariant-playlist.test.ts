import { expect, test } from "vitest";
import type { MultivariantPlaylist } from "./multivariant-playlist.ts";
import { writeMultivariantPlaylist } from "./write-multivariant-playlist.ts";

test("a whole document", () => {
  const playlist: MultivariantPlaylist = {
    type: "multivariant",
    independentSegments: true,
    contentSteering: { serverUri: "/steering", pathwayId: "a" },
    sessionData: [{ dataId: "com.example.title", value: "a = b, c", language: "en" }],
    sessionKeys: [{ method: "SAMPLE-AES", uri: "skd://1", keyFormat: "com.apple.streamingkeydelivery" }],
    renditions: [
      {
        type: "AUDIO",
        groupId: "stereo",
        name: "English",
        language: "en",
        default: true,
        autoselect: true,
        channels: "2",
        uri: "en/index.m3u8",
      },
      {
        type: "SUBTITLES",
        groupId: "subs",
        name: "Deutsch",
        language: "de",
        forced: true,
        characteristics: ["public.easy-to-read"],
        uri: "de.m3u8",
      },
      { type: "CLOSED-CAPTIONS", groupId: "cc", name: "CC", instreamId: "SERVICE1" },
    ],
    variants: [
      {
        uri: "720p/index.m3u8",
        bandwidth: 2_500_000,
        averageBandwidth: 2_200_000,
        score: 1.5,
        codecs: ["hvc1.2.4.L93.B0", "mp4a.40.2"],
        supplementalCodecs: ["dvh1.08.07/db4h"],
        resolution: { width: 1280, height: 720 },
        frameRate: 30_000 / 1001,
        hdcpLevel: "TYPE-1",
        allowedCpc: ["com.example:SMART-TV/PC"],
        videoRange: "PQ",
        reqVideoLayout: ["CH-STEREO"],
        stableVariantId: "v1",
        audio: "stereo",
        subtitles: "subs",
        closedCaptions: "cc",
        pathwayId: "a",
      },
      { uri: "audio/index.m3u8", bandwidth: 128_000, closedCaptions: null },
    ],
    iFrameVariants: [
      {
        uri: "720p/iframes.m3u8",
        bandwidth: 200_000,
        codecs: ["avc1.64001f"],
        resolution: { width: 1280, height: 720 },
      },
    ],
  };
  expect(writeMultivariantPlaylist(playlist)).toBe(`#EXTM3U
#EXT-X-VERSION:12
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-CONTENT-STEERING:SERVER-URI="/steering",PATHWAY-ID="a"
#EXT-X-SESSION-DATA:DATA-ID="com.example.title",VALUE="a = b, c",LANGUAGE="en"
#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://1",KEYFORMAT="com.apple.streamingkeydelivery"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="stereo",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="en/index.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="Deutsch",LANGUAGE="de",FORCED=YES,CHARACTERISTICS="public.easy-to-read",URI="de.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC",INSTREAM-ID="SERVICE1"
#EXT-X-STREAM-INF:BANDWIDTH=2500000,AVERAGE-BANDWIDTH=2200000,SCORE=1.5,CODECS="hvc1.2.4.L93.B0,mp4a.40.2",SUPPLEMENTAL-CODECS="dvh1.08.07/db4h",RESOLUTION=1280x720,HDCP-LEVEL=TYPE-1,ALLOWED-CPC="com.example:SMART-TV/PC",VIDEO-RANGE=PQ,REQ-VIDEO-LAYOUT="CH-STEREO",STABLE-VARIANT-ID="v1",PATHWAY-ID="a",FRAME-RATE=29.970,AUDIO="stereo",SUBTITLES="subs",CLOSED-CAPTIONS="cc"
720p/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=128000,CLOSED-CAPTIONS=NONE
audio/index.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=200000,CODECS="avc1.64001f",RESOLUTION=1280x720,URI="720p/iframes.m3u8"
`);
});

test.each<[string, number, Partial<MultivariantPlaylist>]>([
  ["plain variants", 1, {}],
  ["captions of CEA-608", 1, { renditions: [{ type: "CLOSED-CAPTIONS", groupId: "a", name: "a", instreamId: "CC1" }] }],
  [
    "captions of CEA-708",
    7,
    { renditions: [{ type: "CLOSED-CAPTIONS", groupId: "a", name: "a", instreamId: "SERVICE1" }] },
  ],
  ["a required layout", 12, { variants: [{ uri: "a", bandwidth: 1, reqVideoLayout: ["CH-STEREO"] }] }],
  [
    "an audio stream within the segments",
    13,
    { renditions: [{ type: "AUDIO", groupId: "a", name: "a", instreamId: "1" }] },
  ],
])("the version for %s is %i", (_, version, changes) => {
  const text = writeMultivariantPlaylist({ type: "multivariant", variants: [{ uri: "a", bandwidth: 1 }], ...changes });
  expect(/^#EXT-X-VERSION:(\d+)$/m.exec(text)?.[1] ?? "1").toBe(String(version));
});
