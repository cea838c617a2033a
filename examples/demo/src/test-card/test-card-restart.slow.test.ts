import { expect, test } from "vitest";
import { createTestCard } from "./test-card.ts";

test("a test card whose process dies goes on with another: new tracks, a keyframe, later times", async () => {
  await using card = await createTestCard({ width: 320, height: 180 });
  const [first] = card.tracks;
  const { pid } = card;
  let last = -1;
  for await (const packet of card.packets()) {
    if (packet.track.kind !== "video") continue;
    if (last < 0) process.kill(pid, "SIGKILL");
    expect(packet.dts).toBeGreaterThan(last);
    last = packet.dts;
    if (packet.track === first) continue;
    expect(packet).toMatchObject({ keyframe: true, track: { id: first!.id, codec: first!.codec } });
    break;
  }
  expect(card.pid).not.toBe(pid);
  expect(() => process.kill(pid, 0)).toThrow();
  const second = card.pid;
  await card.close();
  expect(() => process.kill(second, 0)).toThrow();
});
