import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Packet, type Track, writeFragment, writeInitSegment } from "@ami-streams/media";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFileSource } from "./file-source.ts";
import { createTestCard } from "./test-card/test-card.ts";

let folder = "";
let path = "";
let tracks: readonly Track[] = [];
const recorded: Packet[] = [];

/** A file of one second, recorded from the test card. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "file-source-"));
  path = join(folder, "card.mp4");
  await using card = await createTestCard({ width: 320, height: 180 });
  tracks = card.tracks;
  for await (const packet of card.packets()) {
    if (packet.dts / packet.track.timescale >= 1) break;
    recorded.push(packet);
  }
  const fragments = tracks.map((track, index) =>
    writeFragment({ track, packets: of(track, recorded), sequenceNumber: index + 1 }),
  );
  await writeFile(path, Buffer.concat([writeInitSegment({ tracks }), ...fragments]));
});

afterAll(() => rm(folder, { recursive: true }));

const of = (track: Track, packets: readonly Packet[]) => packets.filter((packet) => packet.track.kind === track.kind);
const seconds = ({ dts, track }: Packet) => dts / track.timescale;

describe("a file source", () => {
  test("gives the file's own packets, in real time, and ends", async () => {
    const start = performance.now();
    await using source = await createFileSource(path);
    const said = ({ kind, codec, config }: Track) => ({ kind, codec, config: new Uint8Array(config) });
    expect(source.tracks.map(said)).toEqual(tracks.map(said));
    const played: Packet[] = [];
    for await (const packet of source.packets()) {
      expect(performance.now() - start).toBeGreaterThan(seconds(packet) * 1000 - 50);
      played.push(packet);
    }
    for (const track of tracks) {
      const before = of(track, recorded);
      expect(of(track, played).map(({ data }) => data)).toEqual(before.map(({ data }) => data));
      expect(of(track, played).map(({ keyframe }) => keyframe)).toEqual(before.map(({ keyframe }) => keyframe));
    }
  });

  test("in a loop goes on where it ended: the same packets again, times never back, the same tracks", async () => {
    await using source = await createFileSource(path, { loop: true });
    const played: Packet[] = [];
    for await (const packet of source.packets()) {
      if (seconds(packet) > 2.5) break;
      played.push(packet);
    }
    for (const track of source.tracks) {
      const own = of(track, played);
      const round = of(track, recorded).length;
      expect(own.length).toBeGreaterThanOrEqual(2 * round);
      expect(own.slice(round, 2 * round).map(({ data }) => data)).toEqual(own.slice(0, round).map(({ data }) => data));
      for (const [index, { dts }] of own.slice(1).entries()) expect(dts).toBeGreaterThan(own[index]!.dts);
      expect(new Set(own.map(({ track: played }) => played))).toEqual(new Set([track]));
    }
  });

  test("that is closed ends its packets at once", async () => {
    const source = await createFileSource(path, { loop: true });
    const packets = source.packets()[Symbol.asyncIterator]();
    await packets.next();
    await source.close();
    await source.close();
    for (let result = await packets.next(); result.done !== true; ) result = await packets.next();
  });

  test("that cannot be played says why", async () => {
    await expect(createFileSource(join(folder, "nothing.mp4"))).rejects.toThrow("there is no file");
    const text = join(folder, "text.mp4");
    await writeFile(text, "not a film");
    await expect(createFileSource(text)).rejects.toThrow("no media file that FFmpeg can read");
  });
});
