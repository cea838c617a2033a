import type { Packet, Track } from "@ami-streams/media";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Segmenter } from "./segmenter.ts";
import type { SegmenterEvent } from "./segmenter-event.ts";
import type { SegmenterOptions } from "./segmenter-options.ts";
import { interleave, madeAudioTrack, madePackets, madeVideoTrack } from "./testing/made-packets.ts";
import { packetsOf, type ReplayedSegment, replay } from "./testing/replay.ts";

const NOW = Date.UTC(2026, 0, 1);

interface Feed {
  readonly id: string;
  readonly packets: readonly Packet[];
  /** Seconds that its packets arrive after their time. */
  readonly delay?: number;
}

/** Pushes in order of arrival and ends the session. */
function run(segmenter: Segmenter, feeds: readonly Feed[]): Map<string, ReplayedSegment[]> {
  return replay(runEvents(segmenter, feeds));
}

function runEvents(segmenter: Segmenter, feeds: readonly Feed[]): SegmenterEvent[] {
  segmenter.start(feeds.map(({ id, packets }) => ({ id, track: packets[0]!.track })));
  const arrivals = feeds
    .flatMap(({ id, packets, delay = 0 }) =>
      packets.map((packet) => ({ id, packet, at: packet.dts / packet.track.timescale + delay })),
    )
    .sort((a, b) => a.at - b.at);
  const events: SegmenterEvent[] = [];
  for (const { id, packet, at } of arrivals) events.push(...segmenter.push(id, packet, NOW + at * 1000));
  events.push(...segmenter.end(NOW));
  return events;
}

function videoAt(
  rate: number,
  seconds: number,
  options: { gop?: number; delay?: number; start?: number; track?: Track } = {},
) {
  const track = options.track ?? madeVideoTrack({ frameRate: rate });
  const duration = Math.round(track.timescale / rate);
  const { gop = Math.round(rate * 2), delay = 0, start = 0 } = options;
  return madePackets({ track, count: Math.round(seconds * rate), duration, gop, delay, start });
}

function audioFor(seconds: number, rate = 48_000, samples = 1024, start = 0) {
  const track = madeAudioTrack({ timescale: rate, sampleRate: rate });
  return madePackets({ track, count: Math.ceil((seconds * rate) / samples), duration: samples, start });
}

const numbers = (segments: readonly ReplayedSegment[] | undefined) =>
  segments?.map((segment) => segment.boundary.number);

describe("segments", () => {
  test("start at the first keyframe of the video at or after the segment duration", () => {
    const segments = run(new Segmenter(), [{ id: "v", packets: videoAt(25, 9, { gop: 30 }) }]).get("v")!;
    expect(segments.map((segment) => segment.time)).toEqual([0, 2.4, 4.8, 7.2]);
    expect(segments.map((segment) => segment.duration)).toEqual([2.4, 2.4, 2.4, 1.8]);
  });

  test("of audio start at the first frame at or after the boundary", () => {
    const { v, a } = Object.fromEntries(
      run(new Segmenter(), [
        { id: "v", packets: videoAt(25, 6) },
        { id: "a", packets: audioFor(6) },
      ]),
    );
    expect(v?.map((segment) => segment.time)).toEqual([0, 2, 4]);
    expect(a?.map((segment) => segment.time * 48_000)).toEqual([0, 94 * 1024, 188 * 1024]);
  });

  test("start where a keyframe is shown, not where it is decoded, and audio before the first picture is left out", () => {
    const { v, a } = Object.fromEntries(
      run(new Segmenter(), [
        { id: "v", packets: videoAt(25, 6, { delay: 2 }) },
        { id: "a", packets: audioFor(6) },
      ]),
    );
    expect(v?.map((segment) => segment.time)).toEqual([0.08, 2.08, 4.08]);
    expect(a?.[0]?.time).toBeCloseTo(0.08533, 4);
  });

  test("end at the keyframe that millisecond timestamps put a little too early", () => {
    const track = madeVideoTrack({ timescale: 1000, frameRate: 30 });
    const packets = Array.from({ length: 240 }, (_, i): Packet => {
      const dts = Math.floor((i * 1000) / 30.0003);
      const next = Math.floor(((i + 1) * 1000) / 30.0003);
      return { track, dts, pts: dts, duration: next - dts, keyframe: i % 60 === 0, data: new Uint8Array(1) };
    });
    const segments = run(new Segmenter(), [{ id: "v", packets }]).get("v")!;
    expect(segments.map((segment) => segment.time)).toEqual([0, 1.999, 3.999, 5.999]);
  });

  test("that follow a longer group of pictures keep the target duration: it is as long as the first one needs", () => {
    const segmenter = new Segmenter();
    run(segmenter, [{ id: "v", packets: videoAt(25, 20, { gop: 125 }) }]);
    expect(segmenter.targetDuration).toBe(5);
    expect(segmenter.stats.splitGroups).toBe(0);
  });

  test("split a group of pictures that the target duration does not allow, and say so", () => {
    const segmenter = new Segmenter({ targetDuration: 2 });
    const segments = run(segmenter, [
      { id: "v", packets: videoAt(25, 10, { gop: 250 }) },
      { id: "a", packets: audioFor(10) },
    ]);
    for (const segment of [...segments.get("v")!, ...segments.get("a")!])
      expect(Math.round(segment.duration)).toBeLessThanOrEqual(2);
    expect(segments.get("v")!.map((segment) => segment.boundary.keyframe)).toEqual([true, false, false, false, false]);
    expect(segmenter.stats.splitGroups).toBe(4);
  });

  test("end at an earlier keyframe when the next one would come too late", () => {
    const segmenter = new Segmenter({ targetDuration: 2 });
    const segments = run(segmenter, [{ id: "v", packets: videoAt(25, 9, { gop: 45 }) }]).get("v")!;
    expect(segments.map((segment) => segment.duration)).toEqual([1.8, 1.8, 1.8, 1.8, 1.8]);
    expect(segmenter.stats.splitGroups).toBe(0);
  });

  test("wait for nobody: ten seconds without a keyframe are a segment", () => {
    const segmenter = new Segmenter();
    const segments = run(segmenter, [{ id: "v", packets: videoAt(25, 25, { gop: 1000 }) }]).get("v")!;
    expect(segments.map((segment) => segment.duration)).toEqual([10, 10.4, 4.6]);
    expect(segmenter.targetDuration).toBe(10);
  });
});

describe("parts", () => {
  test.each([
    [24, 5],
    [25, 5],
    [30, 6],
    [50, 10],
    [60, 12],
  ])("at %d frames per second hold %d frames", (rate, frames) => {
    const segmenter = new Segmenter();
    const segments = run(segmenter, [{ id: "v", packets: videoAt(rate, 4) }]).get("v")!;
    expect(segmenter.partTarget).toBe(0.21);
    for (const segment of segments) {
      for (const part of segment.parts.slice(0, -1)) expect(part.packets).toHaveLength(frames);
    }
  });

  test.each([
    [48_000, 1024, 9],
    [44_100, 1024, 9],
    [48_000, 960, 10],
  ])("of audio at %d Hz with %d samples a frame hold %d frames", (rate, samples, frames) => {
    const segments = run(new Segmenter(), [{ id: "a", packets: audioFor(5, rate, samples) }]).get("a")!;
    for (const segment of segments) {
      for (const part of segment.parts.slice(0, -1)) expect(part.packets).toHaveLength(frames);
    }
  });

  test("have the target of the first session when the publisher comes back with another frame rate", () => {
    const segmenter = new Segmenter();
    run(segmenter, [{ id: "v", packets: videoAt(25, 4) }]);
    const target = segmenter.partTarget!;
    const segments = run(segmenter, [{ id: "v", packets: videoAt(60, 4) }]).get("v")!;
    expect(segmenter.partTarget).toBe(target);
    for (const part of segments.flatMap((segment) => segment.parts)) expect(part.duration).toBeLessThanOrEqual(target);
  });

  test("are closed as soon as no frame fits any more, not when the next one comes", () => {
    const segmenter = new Segmenter();
    const packets = videoAt(25, 1);
    segmenter.start([{ id: "v", track: packets[0]!.track }]);
    const types = packets.slice(0, 5).map((packet) => segmenter.push("v", packet, NOW).map((event) => event.type));
    expect(types).toEqual([["segment-opened"], [], ["chunk-cut"], [], ["chunk-cut", "part-closed"]]);
  });

  test("longer than the target are only those of a single packet, and counted", () => {
    const track = madeVideoTrack({ frameRate: 25 });
    const packets = madePackets({ track, count: 25, duration: 3600, gop: 25 });
    const held = packets[24]!;
    const segmenter = new Segmenter();
    run(segmenter, [{ id: "v", packets: [...packets.slice(0, 24), { ...held, duration: 45_000 }] }]);
    expect(segmenter.stats.oversizedParts).toBe(1);
  });
});

describe("renditions", () => {
  test("that come later have the same segments", () => {
    const packets = videoAt(25, 8);
    const encoded = videoAt(25, 8, { track: madeVideoTrack({ id: 3, height: 480 }) });
    const segments = run(new Segmenter(), [
      { id: "copy", packets },
      { id: "480p", packets: encoded, delay: 1.5 },
      { id: "a", packets: audioFor(8), delay: 0.2 },
    ]);
    expect(segments.get("480p")!.map((segment) => segment.boundary)).toEqual(
      segments.get("copy")!.map((segment) => segment.boundary),
    );
    expect(numbers(segments.get("a"))).toEqual([0, 1, 2, 3]);
  });

  test("whose keyframes are somewhere else are cut there when it is near, and counted when it is not", () => {
    const segmenter = new Segmenter();
    const shifted = videoAt(25, 8, { track: madeVideoTrack({ id: 3 }) }).map((packet, i) => ({
      ...packet,
      keyframe: i === 0 || i === 55 || i === 120,
    }));
    const segments = run(segmenter, [
      { id: "copy", packets: videoAt(25, 8) },
      { id: "other", packets: shifted },
    ]).get("other")!;
    expect(segments.map((segment) => segment.time)).toEqual([0, 2.2, 4.52, 6.52]);
    expect(segmenter.stats).toMatchObject({ movedCuts: 1, unalignedKeyframes: 2 });
  });

  test("that hang miss segments, and come back at a boundary; the others do not wait", () => {
    const segmenter = new Segmenter({ maxLag: 3 });
    const encoded = videoAt(25, 20, { track: madeVideoTrack({ id: 3 }) });
    const segments = run(segmenter, [
      { id: "copy", packets: videoAt(25, 20) },
      { id: "480p", packets: encoded.filter((packet) => packet.dts < 90_000 * 5 || packet.dts >= 90_000 * 13) },
    ]);
    expect(numbers(segments.get("480p"))).toEqual(numbers(segments.get("copy")));
    expect(segments.get("480p")!.map((segment) => segment.missed)).toEqual([
      ...[false, false, false],
      ...[true, true, true, true],
      ...[false, false, false],
    ]);
    expect(segmenter.stats.missedSegments).toBe(4);
  });

  test("whose encoder was restarted go on where all have a discontinuity", () => {
    const before = videoAt(25, 20, { track: madeVideoTrack({ id: 3 }) });
    const renewed = madeVideoTrack({ id: 3 });
    const encoded = before
      .filter((packet) => packet.dts < 90_000 * 5 || packet.dts >= 90_000 * 8)
      .map((packet) => (packet.dts < 90_000 * 5 ? packet : { ...packet, track: renewed }));
    const segments = run(new Segmenter(), [
      { id: "copy", packets: videoAt(25, 20) },
      { id: "480p", packets: encoded, delay: 0.5 },
      { id: "a", packets: audioFor(20) },
    ]);
    for (const id of ["copy", "480p", "a"]) {
      expect(
        segments
          .get(id)!
          .filter((segment) => segment.boundary.discontinuity)
          .map((segment) => segment.boundary.number),
      ).toEqual([5]);
    }
    expect(segments.get("480p")!.map((segment) => segment.missed)).toEqual([
      ...[false, false, false, true, true],
      ...[false, false, false, false, false],
    ]);
  });

  test("follow a source that changes its configuration, at one boundary", () => {
    const packets = videoAt(25, 10);
    const renewed = madeVideoTrack({ width: 640 });
    const renewedAudio = madeAudioTrack({ channels: 1 });
    const segments = run(new Segmenter(), [
      { id: "v", packets: packets.map((packet) => (packet.dts < 90_000 * 4 ? packet : { ...packet, track: renewed })) },
      {
        id: "a",
        packets: audioFor(10).map((packet) => (packet.dts < 48_000 * 4 ? packet : { ...packet, track: renewedAudio })),
      },
    ]);
    for (const id of ["v", "a"]) {
      const list = segments.get(id)!;
      expect(list.map((segment) => segment.boundary.discontinuity)).toEqual([false, false, true, false, false]);
      expect(list.some((segment) => segment.missed)).toBe(false);
    }
  });

  test("go on without the video when it stops, and with it when it is back", () => {
    const segmenter = new Segmenter({ maxLag: 3 });
    const video = videoAt(25, 30).filter((packet) => packet.dts < 90_000 * 5 || packet.dts >= 90_000 * 17);
    const segments = run(segmenter, [
      { id: "v", packets: video },
      { id: "a", packets: audioFor(30) },
    ]);
    expect(numbers(segments.get("v"))).toEqual(numbers(segments.get("a")));
    expect(segments.get("a")!.every((segment) => !segment.missed)).toBe(true);
    expect(segments.get("v")!.filter((segment) => segment.missed).length).toBeGreaterThan(3);
    expect(segments.get("v")!.at(-1)!.missed).toBe(false);
    expect(segmenter.stats.referenceChanges).toBe(2);
    const audio = packetsOf(segments.get("a")!);
    for (const [i, packet] of audio.slice(1).entries()) expect(packet.dts).toBe(audio[i]!.dts + 1024);
  });

  test("are audio alone when no picture ever comes", () => {
    const segmenter = new Segmenter({ maxLag: 3 });
    segmenter.start([
      { id: "v", track: madeVideoTrack() },
      { id: "a", track: audioFor(1)[0]!.track },
    ]);
    const events = audioFor(12).flatMap((packet) => segmenter.push("a", packet, NOW));
    expect(replay(events).get("a")!.length).toBeGreaterThan(4);
  });
});

describe("something left out", () => {
  const without = (packets: readonly Packet[], from: number, to: number): Packet[] => {
    const time = (packet: Packet) => packet.dts / packet.track.timescale;
    const kept = packets.filter((packet) => time(packet) < from || time(packet) >= to);
    return kept.map((packet, i) => ({
      ...packet,
      duration: (kept[i + 1]?.dts ?? packet.dts + packet.duration) - packet.dts,
    }));
  };

  test("of an encoded rendition is a missed segment, not one that lasts too long", () => {
    const segmenter = new Segmenter();
    const encoded = without(videoAt(25, 12, { track: madeVideoTrack({ id: 3 }) }), 4.5, 8);
    const segments = run(segmenter, [
      { id: "copy", packets: videoAt(25, 12) },
      { id: "480p", packets: encoded, delay: 0.8 },
    ]).get("480p")!;
    expect(segments.map((segment) => segment.duration)).toEqual([2, 2, 2, 2, 2, 2]);
    expect(segments.map((segment) => segment.missed)).toEqual([false, false, false, true, false, false]);
  });

  test("of half a second is a picture that stands still, up to the boundary at most", () => {
    const encoded = without(videoAt(25, 8, { track: madeVideoTrack({ id: 3 }) }), 3.6, 4.28);
    const segments = run(new Segmenter(), [
      { id: "copy", packets: videoAt(25, 8) },
      { id: "480p", packets: encoded, delay: 1.5 },
    ]).get("480p")!;
    const still = packetsOf(segments).find((packet) => packet.dts === 3.56 * 90_000)!;
    expect(still.duration).toBe(0.44 * 90_000);
  });

  test("of the reference leaves the audio with segments of the usual length", () => {
    const segmenter = new Segmenter();
    const segments = run(segmenter, [
      { id: "v", packets: without(videoAt(25, 16), 4.5, 9.6) },
      { id: "a", packets: audioFor(16) },
    ]);
    for (const segment of segments.get("a")!) expect(Math.round(segment.duration)).toBeLessThanOrEqual(2);
    expect(segments.get("a")!.some((segment) => segment.missed)).toBe(false);
    expect(numbers(segments.get("v"))).toEqual(numbers(segments.get("a")));
  });
});

describe("a publisher who comes back", () => {
  test("raises numbers, and everything is discontinuous at one boundary", () => {
    const segmenter = new Segmenter();
    const first = runEvents(segmenter, [
      { id: "v", packets: videoAt(25, 5) },
      { id: "a", packets: audioFor(5) },
    ]);
    const second = runEvents(segmenter, [
      { id: "v", packets: videoAt(50, 5, { start: 900_000 }) },
      { id: "a", packets: audioFor(5, 44_100, 1024, 441_000) },
    ]);
    const segments = replay([...first, ...second]);
    for (const id of ["v", "a"]) {
      expect(numbers(segments.get(id))).toEqual([0, 1, 2, 3, 4, 5]);
      expect(segments.get(id)!.map((segment) => segment.boundary.discontinuitySequence)).toEqual([0, 0, 0, 1, 1, 1]);
      expect(segments.get(id)![3]!.boundary.discontinuity).toBe(true);
    }
  });

  test("gets a new wall-clock anchor that is shared and then advanced by media time", () => {
    const segmenter = new Segmenter();
    run(segmenter, [{ id: "v", packets: videoAt(25, 4) }]);
    const track = madeVideoTrack();
    const packets = madePackets({
      track,
      count: 100,
      duration: 3600,
      gop: 50,
      start: 5_000_000,
      receivedAt: NOW + 60_000,
    });
    const segments = run(segmenter, [{ id: "v", packets }]).get("v")!;
    expect(segments.map((segment) => segment.boundary.programDateTime - NOW)).toEqual([60_000, 62_000]);
  });
});

describe("timestamps", () => {
  test("that jump are put back where they belong, and counted", () => {
    const segmenter = new Segmenter();
    const jump = (packet: Packet): Packet => {
      const seconds = packet.dts / packet.track.timescale;
      const shift =
        (seconds >= 7 ? -3600 : seconds >= 3 ? 7200 : 0) * packet.track.timescale + 3600 * packet.track.timescale;
      return { ...packet, dts: packet.dts + shift, pts: packet.pts + shift };
    };
    const feeds = [
      { id: "v", packets: videoAt(25, 10).map(jump) },
      { id: "a", packets: audioFor(10).map(jump) },
    ];
    segmenter.start(feeds.map(({ id, packets }) => ({ id, track: packets[0]!.track })));
    const order = interleave(videoAt(25, 10), audioFor(10));
    const next = { video: 0, audio: 0 };
    const events = order.flatMap(({ track }) =>
      segmenter.push(
        track.kind === "video" ? "v" : "a",
        feeds[track.kind === "video" ? 0 : 1]!.packets[next[track.kind]++]!,
        NOW,
      ),
    );
    const segments = replay([...events, ...segmenter.end(NOW)]);
    for (const id of ["v", "a"]) {
      const packets = packetsOf(segments.get(id)!);
      for (const [i, packet] of packets.slice(1).entries())
        expect(packet.dts).toBe(packets[i]!.dts + packets[i]!.duration);
    }
    expect(segmenter.stats.repairedTimestamps).toBe(4);
    expect(segmenter.stats.missedSegments).toBe(0);
  });

  test("that stand still or step back a little are clamped, and counted", () => {
    const segmenter = new Segmenter();
    const packets = videoAt(25, 4).map((packet, i) =>
      i === 30 ? { ...packet, dts: packet.dts - 3600, pts: packet.pts - 3600 } : packet,
    );
    const segments = run(segmenter, [{ id: "v", packets }]).get("v")!;
    const written = packetsOf(segments);
    for (const [i, packet] of written.slice(1).entries()) expect(packet.dts).toBeGreaterThan(written[i]!.dts);
    expect(segmenter.stats.repairedTimestamps).toBe(1);
  });

  test("that run away from the wall clock get a new anchor, as a discontinuity", () => {
    const segmenter = new Segmenter();
    const track = madeVideoTrack();
    const packets = madePackets({ track, count: 25 * 12, duration: 3600, gop: 50 }).map((packet, i) => ({
      ...packet,
      receivedAt: NOW + (i / 25) * 1000 + (i >= 100 ? 5000 : 0),
    }));
    const segments = run(segmenter, [{ id: "v", packets }]).get("v")!;
    expect(segments.map((segment) => segment.boundary.discontinuity)).toEqual([
      false,
      false,
      false,
      true,
      false,
      false,
    ]);
    expect(segments.map((segment) => segment.boundary.programDateTime - NOW)).toEqual([
      0, 2000, 4000, 11_000, 13_000, 15_000,
    ]);
  });
});

describe("a source's clock that steps", () => {
  const seconds = 16;
  const dates = (receivedAt: (second: number) => number, options: SegmenterOptions = {}) => {
    const packets = madePackets({ track: madeVideoTrack(), count: 25 * seconds, duration: 3600, gop: 50 });
    const received = packets.map((packet, i) => ({ ...packet, receivedAt: NOW + receivedAt(i / 25) * 1000 }));
    const boundaries = run(new Segmenter(options), [{ id: "v", packets: received }])
      .get("v")!
      .map(({ boundary }) => boundary);
    return {
      discontinuities: boundaries.filter(({ discontinuity }) => discontinuity).length,
      dates: boundaries.map(({ programDateTime }) => Math.round(programDateTime - NOW)),
    };
  };
  const steady = { discontinuities: 0, dates: [0, 2000, 4000, 6000, 8000, 10_000, 12_000, 14_000] };

  for (const step of [5, 3600]) {
    for (const at of [6, 7]) {
      test(`back by ${step} s at ${at} s leaves dates to media time, without a discontinuity`, () => {
        expect(dates((time) => time - (time >= at ? step : 0))).toEqual(steady);
      });

      test(`back by ${step} s at ${at} s, and forth again, leaves no trace`, () => {
        expect(dates((time) => time - (time >= at && time < 11 ? step : 0))).toEqual(steady);
      });
    }

    test(`back by ${step} s between two sessions joins them`, () => {
      const segmenter = new Segmenter();
      const session = (from: number) =>
        madePackets({ track: madeVideoTrack(), count: 200, duration: 3600, gop: 50, receivedAt: NOW + from * 1000 });
      const events = [0, 8 - step].flatMap((from) => runEvents(segmenter, [{ id: "v", packets: session(from) }]));
      const boundaries = replay(events)
        .get("v")!
        .map(({ boundary }) => boundary);
      expect(boundaries.map(({ programDateTime }) => programDateTime - NOW)).toEqual(steady.dates);
      expect(boundaries.map(({ discontinuity }) => discontinuity).indexOf(true)).toBe(4);
      expect(boundaries.filter(({ discontinuity }) => discontinuity)).toHaveLength(1);
    });
  }

  test("back by any time never repeats a date, and breaks once at most", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 7200, noNaN: true }),
        fc.double({ min: 0, max: seconds, noNaN: true }),
        fc.constantFrom(0.5, 1, 2),
        (step, at, maxDrift) => {
          const course = dates((time) => time - (time >= at ? step : 0), { maxDrift });
          expect(course.discontinuities).toBeLessThanOrEqual(1);
          for (const [i, date] of course.dates.slice(1).entries()) {
            expect(date - course.dates[i]!).toBeGreaterThanOrEqual(500);
            expect(date - course.dates[i]!).toBeLessThanOrEqual(2000);
          }
        },
      ),
    );
  });

  test("is not what a backlog of some seconds is: its dates are not repeated when media comes in time again", () => {
    expect(dates((time) => Math.max(0, time - 8))).toEqual(steady);
  });
});

test("a backlog that comes faster than it plays needs no new anchor, a fast clock does", () => {
  const course = (speed: number) => {
    const packets = madePackets({ track: madeVideoTrack(), count: 25 * 40, duration: 3600, gop: 50 });
    const received = packets.map((packet, i) => ({ ...packet, receivedAt: NOW + (i / 25) * 1000 * speed }));
    return run(new Segmenter(), [{ id: "v", packets: received }]).get("v")!;
  };
  expect(course(0.1).filter((segment) => segment.boundary.discontinuity)).toHaveLength(0);
  expect(course(0.95).filter((segment) => segment.boundary.discontinuity)).toHaveLength(1);
});

describe("options", () => {
  test.each<[SegmenterOptions, string]>([
    [{ segmentDuration: 0 }, "segmentDuration must be a positive number, not 0"],
    [{ segmentDuration: 2, partDuration: 1.5 }, "partDuration must be at most half of segmentDuration"],
    [{ targetDuration: 1 }, "targetDuration must be a whole number of seconds, at least segmentDuration"],
  ])("%o are refused", (options, message) => {
    expect(() => new Segmenter(options)).toThrow(expect.objectContaining({ code: "INVALID_OPTION", message }));
  });
});

describe("for any source", () => {
  const source = fc.record({
    rate: fc.constantFrom(23.976, 24, 25, 29.97, 30, 50, 59.94, 60),
    gop: fc.integer({ min: 12, max: 150 }),
    delay: fc.integer({ min: 0, max: 3 }),
    milliseconds: fc.boolean(),
    audio: fc.constantFrom([48_000, 1024], [44_100, 1024], [48_000, 960], [32_000, 1024]),
    audioDelay: fc.double({ min: -0.4, max: 0.8, noNaN: true }),
    encoderDelay: fc.double({ min: 0, max: 2, noNaN: true }),
    start: fc.integer({ min: 0, max: 100_000 }),
    seconds: fc.integer({ min: 3, max: 14 }),
  });

  test("every packet is written once and in order, parts keep the target, boundaries are shared", () => {
    fc.assert(
      fc.property(source, (values) => {
        const { rate, gop, delay, milliseconds, audio, audioDelay, encoderDelay, start, seconds } = values;
        const timescale = milliseconds ? 1000 : 90_000;
        const times = Array.from({ length: Math.round(seconds * rate) + 1 }, (_, i) =>
          Math.round(((i + start) * timescale) / rate),
        );
        const video = (id: number): Packet[] => {
          const track = madeVideoTrack({ id, timescale, frameRate: rate });
          return times.slice(0, -1).map((dts, i) => ({
            track,
            dts,
            pts:
              i % gop === 0
                ? dts + Math.round((delay * timescale) / rate)
                : dts + Math.round((((i % 3) * delay) / 2) * (timescale / rate)),
            duration: times[i + 1]! - dts,
            keyframe: i % gop === 0,
            data: new Uint8Array(8),
          }));
        };
        const [sampleRate, samples] = audio as [number, number];
        const firstAudio = Math.round((start / rate) * (sampleRate / samples)) * samples;
        const feeds: Feed[] = [
          { id: "copy", packets: video(1) },
          { id: "encoded", packets: video(3), delay: encoderDelay },
          { id: "a", packets: audioFor(seconds, sampleRate, samples, firstAudio), delay: audioDelay },
        ];
        const segmenter = new Segmenter();
        const segments = run(segmenter, feeds);
        const target = segmenter.partTarget!;
        for (const { id, packets } of feeds) {
          const list = segments.get(id)!;
          const first = packetsOf(list)[0]!;
          const written = packetsOf(list).map((packet) => packet.dts);
          expect(written).toEqual(packets.filter((packet) => packet.dts >= first.dts).map((packet) => packet.dts));
          expect(list.map((segment) => segment.boundary.number)).toEqual(
            segments.get("copy")!.map((segment) => segment.boundary.number),
          );
          for (const [index, segment] of list.entries()) {
            const { boundary, parts } = segment;
            expect(boundary).toEqual(segments.get("copy")![index]!.boundary);
            // The source may end with so few frames after a boundary that there is no audio for them.
            if (segment.missed) {
              expect(index).toBe(list.length - 1);
              continue;
            }
            const frame = parts[0]!.packets[0]!.duration / parts[0]!.packets[0]!.track.timescale;
            expect(Math.abs(segment.time - boundary.time)).toBeLessThanOrEqual(frame * 1.01);
            expect(Math.round(segment.duration)).toBeLessThanOrEqual(segmenter.targetDuration!);
            if (boundary.keyframe) expect(parts[0]!.packets[0]!.keyframe).toBe(true);
            for (const [number, part] of parts.entries()) {
              expect(part.closed).toBe(true);
              expect(part.duration).toBeLessThanOrEqual(target + 1e-6);
              if (number < parts.length - 1) expect(part.duration).toBeGreaterThanOrEqual(target * 0.85 - 1e-6);
            }
          }
        }
        expect(segmenter.stats).toMatchObject({
          unalignedKeyframes: 0,
          repairedTimestamps: 0,
          oversizedParts: 0,
        });
      }),
      { numRuns: 150 },
    );
  });

  test("whatever comes, in whatever order, numbers rise one by one, boundaries are shared and nothing is lost without a count", () => {
    const packet = fc.record({
      id: fc.constantFrom("v", "w", "a"),
      step: fc.oneof(
        { weight: 8, arbitrary: fc.constant(9000) },
        { weight: 1, arbitrary: fc.integer({ min: -90_000, max: 400_000 }) },
      ),
      keyframe: fc.integer({ min: 0, max: 9 }).map((dice) => dice < 2),
      event: fc.integer({ min: 0, max: 150 }).map((dice) => (dice === 0 ? "renew" : dice === 1 ? "finish" : undefined)),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(packet, { maxLength: 400, size: "max" }), { minLength: 1, maxLength: 3 }),
        (sessions) => {
          const segmenter = new Segmenter({ maxLag: 3 });
          const events: SegmenterEvent[] = [];
          for (const list of sessions) {
            const tracks: Record<string, Track> = {
              v: madeVideoTrack(),
              w: madeVideoTrack({ id: 3 }),
              a: madeAudioTrack({ timescale: 90_000 }),
            };
            const clock: Record<string, number> = { v: 100_000, w: 100_000, a: 100_000 };
            segmenter.start(Object.entries(tracks).map(([id, track]) => ({ id, track })));
            for (const { id, step, keyframe, event } of list) {
              const dts = Math.max(0, clock[id]! + step);
              clock[id] = dts;
              if (event === "renew") tracks[id] = { ...tracks[id]! };
              if (event === "finish") events.push(...segmenter.finish(id, NOW));
              const sync = keyframe || id === "a" || event === "renew";
              const made = {
                track: tracks[id]!,
                dts,
                pts: dts,
                duration: 9000,
                keyframe: sync,
                data: new Uint8Array(4),
              };
              events.push(...segmenter.push(id, made, NOW));
            }
            events.push(...segmenter.end(NOW));
          }
          const segments = replay(events);
          let written = 0;
          const shared = new Map<number, unknown>();
          const ends = new Set<number | undefined>();
          for (const rendition of segments.values()) {
            written += packetsOf(rendition).length;
            ends.add(rendition.at(-1)?.boundary.number);
            expect(rendition[0]!.boundary.number).toBe(0);
            for (const { boundary, closed, parts } of rendition) {
              expect(closed).toBe(true);
              expect(shared.get(boundary.number) ?? boundary).toBe(boundary);
              shared.set(boundary.number, boundary);
              const packets = parts.flatMap((part) => part.packets);
              expect(new Set(packets.map((one) => one.track)).size).toBeLessThanOrEqual(1);
              for (const [i, next] of packets.slice(1).entries()) expect(next.dts).toBeGreaterThan(packets[i]!.dts);
            }
          }
          expect(ends.size).toBeLessThanOrEqual(1);
          expect(written + segmenter.stats.dropped).toBe(sessions.flat().length);
        },
      ),
      { numRuns: 150 },
    );
  });
});
