/** Playlists as other packagers lay them out: other orders of tags, CRLF, comments, tags of their own, implicit byte ranges. */

/** Each with the habits it stands for. */
export const samples: {
  readonly media: readonly { readonly name: string; readonly text: string }[];
  readonly multivariant: readonly { readonly name: string; readonly text: string }[];
} = {
  media: [
    {
      name: "MPEG-TS by a hardware encoder: CRLF, comments, integer durations with titles",
      text: [
        "#EXTM3U",
        "#EXT-X-TARGETDURATION:10",
        "#EXT-X-VERSION:3",
        "## made by hand",
        "#EXT-X-MEDIA-SEQUENCE:7794",
        "",
        "#EXTINF:9,first, with a comma",
        "a/fileSequence7794.ts?token=a%20b&x=1,2",
        "#EXTINF:10,",
        "a/fileSequence7795.ts",
        "#EXTINF:9.976",
        "a/fileSequence7796.ts",
        "",
      ].join("\r\n"),
    },
    {
      name: "one file in byte ranges, most of them implicit",
      text: `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:6
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="main.mp4",BYTERANGE="719@0"
#EXTINF:6.00000,
#EXT-X-BYTERANGE:1508000@719
main.mp4
#EXTINF:6.00000,
#EXT-X-BYTERANGE:1510244
main.mp4
#EXTINF:3.2,
#EXT-X-BYTERANGE:800000
main.mp4
#EXT-X-ENDLIST
`,
    },
    {
      name: "low latency with parts in byte ranges, a zone of its own, cue tags of others",
      text: `#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-VERSION:6
#EXT-X-PART-INF:PART-TARGET=1.004000
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.012,CAN-SKIP-UNTIL=24.0
#EXT-X-MEDIA-SEQUENCE:2680
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:13:36.106+0100
#EXTINF:4.00000,
fileSequence266.m4s
#EXT-X-CUE-OUT:30
#EXT-X-PART:DURATION=1.0,URI="fileSequence267.m4s",BYTERANGE="20000@0",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.0,URI="fileSequence267.m4s",BYTERANGE="23000@20000"
#EXT-X-PART:DURATION=1.0,URI="fileSequence267.m4s",BYTERANGE="18000@43000"
#EXT-X-PART:DURATION=1.0,URI="fileSequence267.m4s",BYTERANGE="19000@61000"
#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:13:40.106+0100
#EXTINF:4.00000,
fileSequence267.m4s
#EXT-X-PART:DURATION=1.0,URI="fileSequence268.m4s",BYTERANGE="20000@0",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="fileSequence268.m4s",BYTERANGE-START=20000
#EXT-X-RENDITION-REPORT:URI="../1M/waitForMSN.php",LAST-MSN=2682,LAST-PART=0
`,
    },
  ],
  multivariant: [
    {
      name: "an audio group, I-frames, session data, attributes of others",
      text: `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS

#EXT-X-SESSION-DATA:DATA-ID="com.example.title",VALUE="a, b = c"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud1",LANGUAGE="en",NAME="English",AUTOSELECT=YES,DEFAULT=YES,CHANNELS="2",URI="a1/prog_index.m3u8",X-OWN="1"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc1",LANGUAGE="en",NAME="English",AUTOSELECT=YES,DEFAULT=YES,INSTREAM-ID="CC1"
#EXT-X-I-FRAME-STREAM-INF:AVERAGE-BANDWIDTH=928091,BANDWIDTH=1015727,CODECS="avc1.640028",RESOLUTION=1920x1080,URI="tp5/iframe_index.m3u8"
#EXT-X-STREAM-INF:PROGRAM-ID=1,AVERAGE-BANDWIDTH=2165224,BANDWIDTH=2215219,CODECS="avc1.640020,mp4a.40.2",RESOLUTION=960x540,FRAME-RATE=59.940,CLOSED-CAPTIONS="cc1",AUDIO="aud1"
v5/prog_index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=7976430,CODECS="avc1.64002a,mp4a.40.2",RESOLUTION=1920x1080,CLOSED-CAPTIONS="cc1",AUDIO="aud1"

v9/prog_index.m3u8
`,
    },
  ],
};
