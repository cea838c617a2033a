import type { Packet } from "@ami-streams/media";
import { expect, test } from "vitest";
import { createRtmpClient, createRtmpServer, type Publication } from "../index.ts";
import { aacTrack, avcTrack, liveSource, madePackets, madeSource } from "../testing/made-source.ts";

async function first(publications: AsyncIterable<Publication>): Promise<Publication> {
  for await (const publication of publications) return publication;
  throw new Error("the server closed");
}

async function collect(source: AsyncIterable<Packet>): Promise<Packet[]> {
  const packets: Packet[] = [];
  for await (const packet of source) packets.push(packet);
  return packets;
}

test("what a client publishes arrives packet by packet, with its times and bytes", async () => {
  await using server = await createRtmpServer({ port: 0, host: "127.0.0.1" });
  await using client = createRtmpClient({ url: `${server.url}/live/key?token=a%20b` });
  const published = client.publish(madeSource({ duration: 0.96 }));
  const publication = await first(server.publications());
  const packets = await collect(publication.packets());
  await published;
  const { app, streamKey, address } = publication;
  expect({ app, streamKey, address, token: publication.query.get("token") }).toEqual({
    app: "live",
    streamKey: "key",
    address: "127.0.0.1",
    token: "a b",
  });
  expect(publication.tracks).toEqual([avcTrack, aacTrack]);
  const sent = madePackets({ duration: 0.96 });
  for (const id of [1, 2]) {
    const strip = ({ dts, pts, duration, keyframe, data }: Packet) => ({ dts, pts, duration, keyframe, data });
    expect(packets.filter(({ track }) => track.id === id).map(strip)).toEqual(
      sent.filter(({ track }) => track.id === id).map(strip),
    );
  }
  expect(await publication.closed).toEqual({ reason: "unpublished" });
});

test("what is published can be played, from a keyframe on, until the publisher leaves", async () => {
  await using server = await createRtmpServer({ port: 0, host: "127.0.0.1" });
  await using publisher = createRtmpClient({ url: `${server.url}/live/key` });
  const source = liveSource();
  const published = publisher.publish(source);
  const packets = madePackets({ duration: 4 });
  for (const packet of packets.slice(0, 100)) source.write(packet);
  await first(server.publications());
  await using player = createRtmpClient({ url: `${server.url}/live/key`, reconnect: false });
  const playing = player.play();
  for (const packet of packets.slice(100)) source.write(packet);
  const playback = await playing;
  expect(playback.tracks).toEqual([avcTrack, aacTrack]);
  const received = collect(playback.packets());
  source.end();
  await published;
  expect(await playback.closed).toBeUndefined();
  const [start] = await received;
  expect(start).toMatchObject({ keyframe: true, track: { id: 1 } });
});
