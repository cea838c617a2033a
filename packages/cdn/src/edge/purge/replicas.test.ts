/** Processes of one edge that follow the purges of one of them. */

import { expect, onTestFinished, test, vi } from "vitest";
import { type FollowedPurges, openPurges } from "./purges.ts";
import { PurgeReplica } from "./replica.ts";
import { REPLICA_LEASE, type ReplicaNews } from "./replicas.ts";

const now = (): number => performance.now();

async function purges(): Promise<FollowedPurges> {
  const opened = await openPurges({});
  onTestFinished(() => opened.close());
  return opened;
}

/** A process that follows, and may hang: then what it is told waits. */
function follower(followed: FollowedPurges) {
  const waiting: (() => void)[] = [];
  let hangs = false;
  const { start, leave } = followed.replicate((news) => {
    // As it is after its way to another process.
    const copy: ReplicaNews = structuredClone(news);
    if (!hangs) return Promise.resolve(replica.hear(copy));
    return new Promise<void>((resolve) => waiting.push(() => resolve(replica.hear(copy))));
  });
  const replica = new PurgeReplica(structuredClone(start), now);
  return {
    replica,
    leave,
    hang: () => {
      hangs = true;
    },
    wake: () => {
      for (const hear of waiting) hear();
    },
    verdict: (key: string, tags: readonly string[] = []) => replica.judge({ key, tags, generation: before(start) }),
  };
}

const before = ({ log }: { readonly log: { readonly generation: number } }): number => log.generation;

test("a follower knows what was purged before and since, and nothing else", async () => {
  const followed = await purges();
  const stored = followed.generation;
  await followed.purge({ urls: ["/before"] });
  const { replica, verdict } = follower(followed);
  expect(replica.generation).toBe(followed.generation);
  expect(replica.judge({ key: "/before", tags: [], generation: stored })).toBe("hard");
  await followed.purge({ tags: ["news"], soft: true });
  await followed.purge({ prefixes: ["/live/"] });
  expect(replica.generation).toBe(followed.generation);
  expect(verdict("/a", ["news"])).toBe("soft");
  expect(verdict("/live/a")).toBe("hard");
  expect(verdict("/a")).toBe("kept");
});

test("a purge waits for all who follow, but for none that has ended", async () => {
  const followed = await purges();
  const [one, other] = [follower(followed), follower(followed)];
  one.hang();
  other.hang();
  const purge = followed.purge({ urls: ["/a"] });
  const done = vi.fn<() => void>();
  void purge.then(done);
  one.wake();
  await new Promise(setImmediate);
  expect(done).not.toHaveBeenCalled();
  expect(one.verdict("/a")).toBe("hard");
  other.leave();
  expect(await purge).toMatchObject({ edges: { edge: "purged" } });
});

test("one that hangs holds a purge up until its leave is over, and has none then", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval", "hrtime", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const followed = await purges();
  const { replica, hang, wake, verdict } = follower(followed);
  await vi.advanceTimersByTimeAsync(REPLICA_LEASE * 2);
  expect(replica.trustedUntil).toBeGreaterThan(now());
  hang();
  const done = vi.fn<() => void>();
  void followed.purge({ urls: ["/a"] }).then(done);
  while (done.mock.calls.length === 0) {
    expect(replica.trustedUntil).toBeGreaterThan(now() - 1);
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(replica.trustedUntil).toBeLessThanOrEqual(now());
  expect(verdict("/a")).toBe("kept");
  // All that it missed comes in order: the leave after the purge.
  wake();
  expect(verdict("/a")).toBe("hard");
  expect(replica.trustedUntil).toBeGreaterThan(now());
});

test("a follower that has seen a purge is given nothing by one that has not", async () => {
  const followed = await purges();
  const [one, other] = [follower(followed), follower(followed)];
  expect(other.replica.covers(one.replica.seen)).toBe(true);
  other.hang();
  const purge = followed.purge({ urls: ["/a"] });
  expect(other.replica.covers(one.replica.seen)).toBe(false);
  expect(one.replica.covers(other.replica.seen)).toBe(true);
  expect(other.replica.covers("edge=9999999999999.1; made up")).toBe(true);
  other.wake();
  await purge;
  expect(other.replica.covers(one.replica.seen)).toBe(true);
});
