import type { Packet, PacketSource } from "@ami-streams/media";
import { expect, onTestFinished, test, vi } from "vitest";
import { createRtmpClient, createRtmpServer, type Publication } from "./index.ts";
import { liveSource, madePackets } from "./testing/made-source.ts";

async function first(publications: AsyncIterable<Publication>): Promise<Publication> {
  for await (const publication of publications) return publication;
  throw new Error("the server closed");
}

async function videoTimes(source: PacketSource): Promise<number[]> {
  const packets: Packet[] = [];
  for await (const packet of source.packets()) packets.push(packet);
  return packets.filter(({ track }) => track.kind === "video").map(({ receivedAt }) => receivedAt!);
}

test("published and played pictures are received one after the other, also when the system's time is put back", async () => {
  onTestFinished(() => void vi.useRealTimers());
  await using server = await createRtmpServer({ port: 0, host: "127.0.0.1" });
  await using publisher = createRtmpClient({ url: `${server.url}/live/key` });
  await using player = createRtmpClient({ url: `${server.url}/live/key`, reconnect: false });
  const begun = Date.now();
  const source = liveSource();
  const published = publisher.publish(source);
  const packets = madePackets({ duration: 4 });
  for (const packet of packets.slice(0, 100)) source.write(packet);
  const publication = await first(server.publications());
  const times = [videoTimes(publication)];
  const playing = player.play();
  for (const packet of packets.slice(100, 200)) source.write(packet);
  times.push(videoTimes(await playing));
  vi.useFakeTimers({ toFake: ["Date"], now: begun - 3_600_000 });
  for (const packet of packets.slice(200)) source.write(packet);
  source.end();
  await published;
  for (const received of await Promise.all(times)) {
    expect(received).toEqual(received.toSorted((a, b) => a - b));
    expect(received.every((time) => Number.isInteger(time) && Math.abs(time - begun) < 60_000)).toBe(true);
  }
  expect(Math.abs(publication.startedAt - begun)).toBeLessThan(60_000);
});
