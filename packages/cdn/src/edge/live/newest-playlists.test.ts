import { expect, test } from "vitest";
import { cached } from "../edge.test-setup.ts";

const path = "/live/demo/720p/index.m3u8";

/** An upstream whose playlists say what was asked for, and may be kept for long. */
function live() {
  return cached({ "cache-control": "max-age=12" }, (request) => new URL(request.url).search);
}

test("a player that fell behind gets the newest playlist at once, not each that there was", async () => {
  const { state, ask } = live();
  for (const part of [1, 2, 3]) await ask(`${path}?_HLS_msn=7&_HLS_part=${part}`);
  const late = await ask(`${path}?_HLS_msn=7&_HLS_part=1`);
  expect(await late.text()).toBe("?_HLS_msn=7&_HLS_part=3");
  expect(late.headers.get("cache-status")).toContain("hit");
  // Also for one that nobody asked for before.
  expect(await (await ask(`${path}?_HLS_msn=6&_HLS_part=4`)).text()).toBe("?_HLS_msn=7&_HLS_part=3");
  expect(state.asked).toBe(3);
});

test("a whole segment is more than any part of it, and less than the next segment's first", async () => {
  const { ask } = live();
  await ask(`${path}?_HLS_msn=7`);
  expect(await (await ask(`${path}?_HLS_msn=7&_HLS_part=9`)).text()).toBe("?_HLS_msn=7");
  expect(await (await ask(`${path}?_HLS_msn=8&_HLS_part=0`)).text()).toBe("?_HLS_msn=8&_HLS_part=0");
  expect(await (await ask(`${path}?_HLS_msn=7`)).text()).toBe("?_HLS_msn=8&_HLS_part=0");
});

test("deltas, other renditions and other parameters are playlists of their own", async () => {
  const { state, ask } = live();
  await ask(`${path}?_HLS_msn=7&_HLS_part=3`);
  for (const other of [
    `${path}?_HLS_msn=7&_HLS_part=1&_HLS_skip=YES`,
    `${path}?a=b&_HLS_msn=7&_HLS_part=1`,
    "/live/demo/480p/index.m3u8?_HLS_msn=7&_HLS_part=1",
  ]) {
    expect(await (await ask(other)).text()).toBe(new URL(other, "http://a").search);
  }
  expect(state.asked).toBe(4);
});

test("what came a while ago is not the newest any more: the stream may have begun anew", async () => {
  const { state, ask } = live();
  await ask(`${path}?_HLS_msn=700&_HLS_part=3`);
  state.now += 2001;
  expect(await (await ask(`${path}?_HLS_msn=1&_HLS_part=1`)).text()).toBe("?_HLS_msn=1&_HLS_part=1");
  await ask(`${path}?_HLS_msn=1&_HLS_part=2`);
  expect(await (await ask(`${path}?_HLS_msn=1&_HLS_part=1`)).text()).toBe("?_HLS_msn=1&_HLS_part=2");
});

test("a failed reload is not the newest playlist", async () => {
  const { ask } = cached({ "cache-control": "max-age=12" }, (request) => {
    if (request.url.includes("part=3")) throw new Error("gone");
    return new URL(request.url).search;
  });
  await ask(`${path}?_HLS_msn=7&_HLS_part=2`);
  expect((await ask(`${path}?_HLS_msn=7&_HLS_part=3`)).status).toBe(502);
  expect(await (await ask(`${path}?_HLS_msn=7&_HLS_part=1`)).text()).toBe("?_HLS_msn=7&_HLS_part=2");
});
