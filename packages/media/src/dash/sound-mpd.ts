/** A sound low-latency MPD for tests: two video rungs and audio, 2 s segments, a window of ten. */
import type { AdaptationSet } from "./adaptation-set.ts";
import type { Mpd } from "./mpd.ts";

const START = Date.UTC(2026, 0, 1);

const video: AdaptationSet = {
  id: 1,
  contentType: "video",
  mimeType: "video/mp4",
  par: "16:9",
  segmentAlignment: true,
  startWithSap: 1,
  roles: [{ schemeIdUri: "urn:mpeg:dash:role:2011", value: "main" }],
  producerReferenceTimes: [
    {
      id: 1,
      inband: true,
      type: "encoder",
      wallClockTime: START,
      presentationTime: 0,
      utcTiming: { schemeIdUri: "urn:mpeg:dash:utc:http-iso:2014", value: "/time" },
    },
  ],
  segmentTemplate: {
    media: "$RepresentationID$/s$Number$.m4s",
    initialization: "$RepresentationID$/init.mp4",
    timescale: 90_000,
    availabilityTimeOffset: 1.5,
    availabilityTimeComplete: false,
    startNumber: 100,
    timeline: [{ t: 18_000_000, d: 180_000, r: 9 }],
  },
  representations: [
    { id: "720p", bandwidth: 2_500_000, codecs: ["avc1.64001f"], width: 1280, height: 720, frameRate: "30" },
    { id: "480p", bandwidth: 1_200_000, codecs: ["avc1.64001e"], width: 854, height: 480, frameRate: "30" },
  ],
};

const audio: AdaptationSet = {
  id: 2,
  contentType: "audio",
  lang: "en",
  mimeType: "audio/mp4",
  segmentAlignment: true,
  startWithSap: 1,
  producerReferenceTimes: video.producerReferenceTimes ?? [],
  segmentTemplate: {
    media: "$RepresentationID$/s$Number$.m4s",
    initialization: "$RepresentationID$/init.mp4",
    timescale: 48_000,
    availabilityTimeOffset: 1.5,
    availabilityTimeComplete: false,
    startNumber: 100,
    timeline: [{ t: 9_600_000, d: 96_256, r: 3 }, { d: 95_232 }, { d: 96_256, r: 4 }],
  },
  representations: [
    {
      id: "audio",
      bandwidth: 128_000,
      codecs: ["mp4a.40.2"],
      audioSamplingRate: "48000",
      audioChannelConfigurations: [
        { schemeIdUri: "urn:mpeg:dash:23003:3:audio_channel_configuration:2011", value: "2" },
      ],
    },
  ],
};

/** The document. */
export const soundMpd: Mpd = {
  id: "demo",
  profiles: ["urn:mpeg:dash:profile:isoff-live:2011", "http://www.dashif.org/guidelines/low-latency-live-v5"],
  type: "dynamic",
  availabilityStartTime: START,
  publishTime: START + 220_000,
  minimumUpdatePeriod: 2,
  minBufferTime: 1,
  timeShiftBufferDepth: 20,
  suggestedPresentationDelay: 2,
  maxSegmentDuration: 2.1,
  serviceDescriptions: [
    { id: 0, latency: { target: 1500, min: 1000, max: 4000, referenceId: 1 }, playbackRate: { min: 0.96, max: 1.04 } },
  ],
  periods: [{ id: "0", start: 0, adaptationSets: [video, audio] }],
  utcTimings: [{ schemeIdUri: "urn:mpeg:dash:utc:http-iso:2014", value: "/time" }],
};
