import { describe, expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import type { Mpd } from "./mpd.ts";
import { soundMpd } from "./sound-mpd.ts";
import { writeMpd } from "./write-mpd.ts";
import { formatDuration } from "./write-xml.ts";

const bare: Mpd = { profiles: ["p"], minBufferTime: 1, periods: [] };

test("a whole document of low latency", () => {
  expect(writeMpd(soundMpd)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" id="demo" profiles="urn:mpeg:dash:profile:isoff-live:2011,http://www.dashif.org/guidelines/low-latency-live-v5" type="dynamic" availabilityStartTime="2026-01-01T00:00:00Z" publishTime="2026-01-01T00:03:40Z" minimumUpdatePeriod="PT2S" minBufferTime="PT1S" timeShiftBufferDepth="PT20S" suggestedPresentationDelay="PT2S" maxSegmentDuration="PT2.1S">
  <ServiceDescription id="0">
    <Latency referenceId="1" target="1500" max="4000" min="1000"/>
    <PlaybackRate max="1.04" min="0.96"/>
  </ServiceDescription>
  <Period id="0" start="PT0S">
    <AdaptationSet id="1" contentType="video" par="16:9" segmentAlignment="true" mimeType="video/mp4" startWithSAP="1">
      <ProducerReferenceTime id="1" inband="true" type="encoder" wallClockTime="2026-01-01T00:00:00Z" presentationTime="0">
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
      </ProducerReferenceTime>
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
      <SegmentTemplate media="$RepresentationID$/s$Number$.m4s" initialization="$RepresentationID$/init.mp4" timescale="90000" availabilityTimeOffset="1.5" availabilityTimeComplete="false" startNumber="100">
        <SegmentTimeline>
          <S t="18000000" d="180000" r="9"/>
        </SegmentTimeline>
      </SegmentTemplate>
      <Representation id="720p" bandwidth="2500000" width="1280" height="720" frameRate="30" codecs="avc1.64001f"/>
      <Representation id="480p" bandwidth="1200000" width="854" height="480" frameRate="30" codecs="avc1.64001e"/>
    </AdaptationSet>
    <AdaptationSet id="2" lang="en" contentType="audio" segmentAlignment="true" mimeType="audio/mp4" startWithSAP="1">
      <ProducerReferenceTime id="1" inband="true" type="encoder" wallClockTime="2026-01-01T00:00:00Z" presentationTime="0">
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
      </ProducerReferenceTime>
      <SegmentTemplate media="$RepresentationID$/s$Number$.m4s" initialization="$RepresentationID$/init.mp4" timescale="48000" availabilityTimeOffset="1.5" availabilityTimeComplete="false" startNumber="100">
        <SegmentTimeline>
          <S t="9600000" d="96256" r="3"/>
          <S d="95232"/>
          <S d="96256" r="4"/>
        </SegmentTimeline>
      </SegmentTemplate>
      <Representation id="audio" bandwidth="128000" audioSamplingRate="48000" codecs="mp4a.40.2">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
      </Representation>
    </AdaptationSet>
  </Period>
  <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
</MPD>
`);
});

test("encryption, events, steering, labels and base URLs", () => {
  const document: Mpd = {
    ...bare,
    baseUrls: [
      {
        url: "http://a/?x=1&y=2",
        serviceLocation: "a",
        availabilityTimeOffset: Number.POSITIVE_INFINITY,
        availabilityTimeComplete: false,
      },
    ],
    locations: [{ url: "http://a/index.mpd" }],
    patchLocations: [{ url: "patch.mpp", ttl: 10 }],
    contentSteering: { serverUrl: "http://s/", defaultServiceLocation: "a", queryBeforeStart: true },
    periods: [
      {
        id: "0",
        eventStreams: [
          {
            schemeIdUri: "urn:scte:scte35:2014:xml+bin",
            timescale: 1000,
            events: [
              {
                presentationTime: 5,
                id: 1,
                elements: [
                  {
                    name: "Signal",
                    namespace: "http://www.scte.org/schemas/35/2016",
                    attributes: {},
                    children: [
                      {
                        name: "Binary",
                        namespace: "http://www.scte.org/schemas/35/2016",
                        attributes: {},
                        children: [],
                        text: "/DA=",
                      },
                    ],
                    text: "",
                  },
                ],
              },
            ],
          },
        ],
        adaptationSets: [
          {
            contentProtections: [
              {
                schemeIdUri: "urn:mpeg:dash:mp4protection:2011",
                value: "cenc",
                defaultKid: "9eb4050d-e44b-4802-932e-27d75083e266",
              },
              { schemeIdUri: "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", pssh: "AAAA" },
            ],
            inbandEventStreams: [{ schemeIdUri: "https://aomedia.org/emsg/ID3" }],
            labels: [{ text: 'a "b" <c>', lang: "en" }],
            representations: [
              {
                id: "v",
                bandwidth: 1,
                segmentList: {
                  duration: 2,
                  initializationSection: { sourceUrl: "i.mp4", range: "0-799" },
                  segmentUrls: [{ media: "a.m4s" }],
                },
              },
            ],
          },
        ],
      },
    ],
  };
  expect(writeMpd(document)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:cenc="urn:mpeg:cenc:2013" profiles="p" minBufferTime="PT1S">
  <BaseURL serviceLocation="a" availabilityTimeOffset="INF" availabilityTimeComplete="false">http://a/?x=1&amp;y=2</BaseURL>
  <Location>http://a/index.mpd</Location>
  <PatchLocation ttl="10">patch.mpp</PatchLocation>
  <ContentSteering defaultServiceLocation="a" queryBeforeStart="true">http://s/</ContentSteering>
  <Period id="0">
    <EventStream schemeIdUri="urn:scte:scte35:2014:xml+bin" timescale="1000">
      <Event presentationTime="5" id="1">
        <Signal xmlns="http://www.scte.org/schemas/35/2016">
          <Binary>/DA=</Binary>
        </Signal>
      </Event>
    </EventStream>
    <AdaptationSet>
      <ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc" cenc:default_KID="9eb4050d-e44b-4802-932e-27d75083e266"/>
      <ContentProtection schemeIdUri="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed">
        <cenc:pssh>AAAA</cenc:pssh>
      </ContentProtection>
      <InbandEventStream schemeIdUri="https://aomedia.org/emsg/ID3"/>
      <Label lang="en">a &quot;b&quot; &lt;c&gt;</Label>
      <Representation id="v" bandwidth="1">
        <SegmentList duration="2">
          <Initialization sourceURL="i.mp4" range="0-799"/>
          <SegmentURL media="a.m4s"/>
        </SegmentList>
      </Representation>
    </AdaptationSet>
  </Period>
</MPD>
`);
});

test.each([
  [0, "PT0S"],
  [0.5, "PT0.5S"],
  [59.9999999, "PT1M"],
  [60, "PT1M"],
  [3600, "PT1H"],
  [3723.5, "PT1H2M3.5S"],
  [360_000.000_001, "PT100H0.000001S"],
])("%d s are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

describe("what cannot be written is refused", () => {
  test.each<[string, Partial<Mpd>]>([
    ["a negative duration", { minBufferTime: -1 }],
    ["a duration without end", { timeShiftBufferDepth: Number.POSITIVE_INFINITY }],
    ["a date of no time", { publishTime: Number.NaN }],
    ["a control character", { id: "\u0000" }],
    ["a separator in an item of a list", { profiles: ["a,b"] }],
    ["an empty item of a list", { profiles: [""] }],
    ["a lone surrogate", { id: "\ud800" }],
    ["a fraction of a tick", { periods: [{ adaptationSets: [], segmentTemplate: { timeline: [{ d: 1.5 }] } }] }],
  ])("%s", (_, changes) => {
    expect(() => writeMpd({ ...bare, ...changes })).toThrow(MediaError);
  });
});
