/** Read buffers: bounded, and given to those who wait in their order. */

import { expect, test } from "vitest";
import { ReadBuffers } from "./read-buffers.ts";

test("who comes when all are lent waits for the next one that comes back", async () => {
  const buffers = new ReadBuffers(10, 20);
  const first = await buffers.take();
  await buffers.take();
  const order: string[] = [];
  const third = Promise.resolve(buffers.take()).then((buffer) => {
    order.push("third");
    return buffer;
  });
  const fourth = Promise.resolve(buffers.take()).then((buffer) => {
    order.push("fourth");
    return buffer;
  });
  expect(buffers.waiting).toBe(2);
  expect(buffers.lentBytes).toBe(20);
  buffers.give(first);
  expect(await third).toBe(first);
  buffers.forget();
  expect(await fourth).not.toBe(first);
  expect(order).toEqual(["third", "fourth"]);
  expect(buffers.lentBytes).toBe(20);
});

test("reading ahead stops at half of the bound", () => {
  const buffers = new ReadBuffers(10, 40);
  expect(buffers.takeSpare()).toBeDefined();
  expect(buffers.takeSpare()).toBeDefined();
  expect(buffers.takeSpare()).toBeUndefined();
  expect(buffers.lentBytes).toBe(20);
});

test("a buffer that somebody may still look at is not used again", async () => {
  const buffers = new ReadBuffers(10, 20);
  const kept = await buffers.take();
  buffers.forget();
  expect(await buffers.take()).not.toBe(kept);
  expect(await buffers.take()).not.toBe(kept);
});
