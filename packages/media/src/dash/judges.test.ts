import { parse, parseUTCTiming } from "mpd-parser";
import { describe, expect, test } from "vitest";
import type { Mpd, Period } from "./mpd.ts";
import { soundMpd } from "./sound-mpd.ts";
import { effectiveTemplate, timelineSegments } from "./timeline.ts";
import { writeMpd } from "./write-mpd.ts";

const options = { manifestUri: "http://host/live/index.mpd" };

/** What mpd-parser should find, by what we mean. */
function meant(period: Period, index: number, representation: number): [uri: string, time: number, duration: number][] {
  const set = period.adaptationSets[index]!;
  const { id } = set.representations[representation]!;
  const template = effectiveTemplate(period, set, set.representations[representation]!)!;
  const timescale = template.timescale ?? 1;
  return timelineSegments(template).map(({ number, time, duration }) => [
    `http://host/live/${template.media!.replace("$RepresentationID$", id).replace("$Number$", String(number))}`,
    (time - (template.presentationTimeOffset ?? 0)) / timescale + (period.start ?? 0),
    duration / timescale,
  ]);
}

describe("mpd-parser understands", () => {
  const [period] = soundMpd.periods as [Period];

  test("every segment of every representation of a low-latency document", () => {
    const read = parse(writeMpd(soundMpd), options);
    expect(
      read.playlists.map((item) => [
        item.attributes.NAME,
        item.attributes.BANDWIDTH,
        item.attributes.CODECS,
        item.attributes.RESOLUTION?.height,
      ]),
    ).toEqual([
      ["720p", 2_500_000, "avc1.64001f", 720],
      ["480p", 1_200_000, "avc1.64001e", 480],
    ]);
    for (const [index, playlist] of read.playlists.entries()) {
      expect(playlist.segments.map((item) => [item.resolvedUri, item.presentationTime, item.duration])).toEqual(
        meant(period, 0, index),
      );
      expect(playlist.segments[0]?.map.resolvedUri).toBe(`http://host/live/${playlist.attributes.NAME}/init.mp4`);
    }
    const audio = read.mediaGroups.AUDIO.audio?.en?.playlists[0];
    expect(audio?.segments.map((item) => item.resolvedUri)).toEqual(meant(period, 1, 0).map(([uri]) => uri));
    expect([read.minimumUpdatePeriod, read.suggestedPresentationDelay]).toEqual([2000, 2]);
  });

  test("the clock to go by", () => {
    expect(parseUTCTiming(writeMpd(soundMpd))).toMatchObject({ method: "GET", value: "/time" });
  });

  test("a discontinuity as a new period", () => {
    const next: Period = {
      ...period,
      id: "1",
      start: 220,
      adaptationSets: period.adaptationSets.map((set) => ({
        ...set,
        segmentTemplate: {
          ...set.segmentTemplate,
          presentationTimeOffset: 5 * set.segmentTemplate!.timescale!,
          startNumber: 110,
          timeline: [{ t: 5 * set.segmentTemplate!.timescale!, d: 2 * set.segmentTemplate!.timescale! }],
        },
      })),
    };
    const document: Mpd = { ...soundMpd, periods: [{ ...period, duration: 220 }, next] };
    const [playlist] = parse(writeMpd(document), options).playlists;
    expect(playlist?.discontinuityStarts).toEqual([10]);
    expect(playlist?.segments.at(-1)).toMatchObject({
      resolvedUri: "http://host/live/720p/s110.m4s",
      presentationTime: 220,
      duration: 2,
    });
  });

  test("content steering, content protection and events", () => {
    const [video] = period.adaptationSets;
    const kid = "9eb4050d-e44b-4802-932e-27d75083e266";
    const document: Mpd = {
      ...soundMpd,
      baseUrls: [{ url: "http://a.example/", serviceLocation: "a" }],
      contentSteering: { serverUrl: "http://steer.example/", defaultServiceLocation: "a", queryBeforeStart: true },
      periods: [
        {
          ...period,
          eventStreams: [
            {
              schemeIdUri: "urn:scte",
              timescale: 1000,
              events: [{ presentationTime: 5000, duration: 1000, id: 1, messageData: "<ad>" }],
            },
          ],
          adaptationSets: [
            {
              ...video!,
              contentProtections: [{ schemeIdUri: "urn:mpeg:dash:mp4protection:2011", value: "cenc", defaultKid: kid }],
            },
          ],
        },
      ],
    };
    const read = parse(writeMpd(document), options);
    expect(read.contentSteering).toMatchObject({ serverURL: "http://steer.example/", defaultServiceLocation: "a" });
    expect(read.playlists[0]?.segments[0]?.resolvedUri).toBe("http://a.example/720p/s100.m4s");
    expect(read.playlists[0]?.contentProtection?.mp4protection?.attributes["cenc:default_KID"]).toBe(kid);
    expect(read.eventStream).toMatchObject([{ schemeIdUri: "urn:scte", start: 5, end: 6, messageData: "<ad>" }]);
  });
});
