/** One writer, many readers. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { GrowingBody } from "./growing-body.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<number[]> {
  const all: number[] = [];
  for await (const chunk of chunks) all.push(...chunk);
  return all;
}

test("every reader gets every byte in order, whenever it comes and however it pauses", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 5 }), { maxLength: 20 }),
      fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }),
      fc.nat(30),
      fc.nat(30),
      async (chunks, joins, start, length) => {
        const body = new GrowingBody(1000);
        const readers: Promise<number[]>[] = [];
        const parts: Promise<number[]>[] = [];
        const join = (at: number): void => {
          for (const when of joins) {
            if (when !== at) continue;
            readers.push(collect(body.read()));
            parts.push(collect(body.read({ start, end: start + length })));
          }
        };
        for (const [at, chunk] of chunks.entries()) {
          join(at);
          await body.append(chunk);
        }
        body.end();
        for (let at = chunks.length; at <= 20; at += 1) join(at);
        const whole = chunks.flatMap((chunk) => [...chunk]);
        for (const reader of readers) expect(await reader).toEqual(whole);
        for (const part of parts) expect(await part).toEqual(whole.slice(start, start + length));
        expect(body.readers).toBe(0);
        expect([...body.settle()]).toEqual(whole);
      },
    ),
  );
});

test("a chunk reaches those who wait before the next one is made", async () => {
  const body = new GrowingBody(1000);
  const readers = [body.read(), body.read()];
  for (let value = 0; value < 5; value += 1) {
    const waiting = readers.map((reader) => reader.next());
    await body.append(bytes(value));
    expect(await Promise.all(waiting)).toEqual([
      { done: false, value: bytes(value) },
      { done: false, value: bytes(value) },
    ]);
  }
});

test("readers go on where they were when the body is put in one piece, and it is told when the last has left", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 10 }),
      fc.nat(10),
      fc.nat(20),
      fc.nat(20),
      async (chunks, before, start, length) => {
        const body = new GrowingBody(1000);
        for (const chunk of chunks) await body.append(chunk);
        body.end();
        const [reader, part, left] = [body.read(), body.read({ start, end: start + length }), body.read()];
        const got: number[] = [];
        for (let turn = 0; turn < Math.min(before, chunks.length); turn += 1) got.push(...(await reader.next()).value!);
        const first = await part.next();
        const whole = chunks.flatMap((chunk) => [...chunk]);
        expect([...body.settle()]).toEqual(whole);
        let unread = 0;
        body.whenUnread(() => {
          unread += 1;
        });
        expect([...got, ...(await collect(reader))]).toEqual(whole);
        expect([...(first.value ?? []), ...(await collect(part))]).toEqual(whole.slice(start, start + length));
        expect(unread).toBe(0);
        await left.return?.();
        expect(unread).toBe(1);
      },
    ),
  );
});

test("leaving settles a read that waits, and is told once", async () => {
  const body = new GrowingBody(1000);
  let left = 0;
  const reader = body.read({ onClose: () => (left += 1) });
  const waiting = reader.next();
  await reader.return?.();
  await reader.return?.();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(left).toBe(1);
});

test("a failed body fails its readers, after the bytes that did arrive", async () => {
  const body = new GrowingBody(1000);
  const reader = body.read();
  await body.append(bytes(1));
  body.fail(new Error("broken"));
  expect(await reader.next()).toEqual({ done: false, value: bytes(1) });
  await expect(reader.next()).rejects.toThrow("broken");
  await expect(body.until(2)).rejects.toThrow("broken");
});

test("a reader that never reads holds back neither the body nor the others, and fails once it is out of the bound", async () => {
  const body = new GrowingBody(10);
  const slow = body.read();
  const fast = body.read();
  for (let value = 0; value < 100; value += 1) {
    await body.append(bytes(value, value));
    expect(await fast.next()).toEqual({ done: false, value: bytes(value, value) });
  }
  await expect(slow.next()).rejects.toMatchObject({ code: "READER_FELL_BEHIND" });
  expect(body.isWhole).toBe(false);
});

test("over the bound, the writer waits for its fastest reader", async () => {
  const body = new GrowingBody(4);
  const reader = body.read();
  const events: string[] = [];
  await body.append(bytes(1, 2));
  await body.append(bytes(3, 4));
  const third = body.append(bytes(5, 6)).then(() => events.push("appended"));
  await Promise.resolve();
  expect(events).toEqual([]);
  await reader.next();
  await reader.next();
  await third;
  expect(events).toEqual(["appended"]);
  expect(await reader.next()).toEqual({ done: false, value: bytes(5, 6) });
});
