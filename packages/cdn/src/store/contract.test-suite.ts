/** What every object store has to do: one set of tests, run over each. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ObjectStore } from "./object-store.ts";

/** Defines the contract's tests for stores that `create` makes, empty each time. */
export function testObjectStore(name: string, create: () => Promise<ObjectStore>): void {
  describe(`${name} keeps the contract of object stores`, () => {
    test("gives back what was put, and describes it", async () => {
      const store = await create();
      const put = await store.put("clip/index.m3u8", bytes("#EXTM3U"));
      expect(put).toMatchObject({ key: "clip/index.m3u8", size: 7, contentType: "application/vnd.apple.mpegurl" });
      expect(put.etag).toMatch(/^"[^"]+"$/);
      expect(await store.head("clip/index.m3u8")).toEqual(put);
      const object = await store.get("clip/index.m3u8");
      expect(object).toMatchObject({ ...put, range: { start: 0, end: 7 } });
      expect(await text(object!.body)).toBe("#EXTM3U");
    });

    test("takes a body in pieces, and an empty one", async () => {
      const store = await create();
      await store.put("pieces", pieces("ab", "", "cde"));
      expect(await text((await store.get("pieces"))!.body)).toBe("abcde");
      await store.put("empty", bytes(""));
      const empty = await store.get("empty");
      expect(empty).toMatchObject({ size: 0, range: { start: 0, end: 0 } });
      expect(await text(empty!.body)).toBe("");
    });

    test("reads any range as a slice of the whole", async () => {
      const store = await create();
      const whole = "0123456789".repeat(30_000);
      await store.put("large.mp4", bytes(whole));
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.option(fc.nat(whole.length * 2)), async (start, length) => {
          const range = length === null ? { start } : { start, end: start + length + 1 };
          const object = await store.get("large.mp4", { range });
          const end = Math.min(range.end ?? whole.length, whole.length);
          expect(object!.range).toEqual({ start, end });
          expect(await text(object!.body)).toBe(whole.slice(start, end));
        }),
        { numRuns: 20 },
      );
      const beyond = store.get("large.mp4", { range: { start: whole.length } });
      await expect(beyond).rejects.toMatchObject({ code: "RANGE_NOT_SATISFIABLE" });
    });

    test("replaces an object whole: another body has another ETag", async () => {
      const store = await create();
      const first = await store.put("a", bytes("first"));
      const second = await store.put("a", bytes("other"));
      expect(second.etag).not.toBe(first.etag);
      expect(await text((await store.get("a"))!.body)).toBe("other");
    });

    test("a put whose body breaks off leaves what was there", async () => {
      const store = await create();
      const before = await store.put("a", bytes("before"));
      await expect(store.put("a", broken())).rejects.toThrow("the source broke");
      expect(await store.head("a")).toEqual(before);
      await expect(store.put("b", broken())).rejects.toThrow("the source broke");
      expect(await store.head("b")).toBeNull();
      expect(await keys(store)).toEqual(["a"]);
    });

    test("an object that is not there is null, and deleting it says so", async () => {
      const store = await create();
      expect(await store.get("nothing")).toBeNull();
      expect(await store.head("no/thing")).toBeNull();
      expect(await store.delete("nothing")).toBe(false);
      await store.put("something", bytes("x"));
      expect(await store.delete("something")).toBe(true);
      expect(await store.get("something")).toBeNull();
    });

    test("lists by prefix in the order of keys", async () => {
      const store = await create();
      for (const key of ["b/2", "a-b", "a/b", "a/c/d", "a", "b/10", "aa/x"].filter((each) => each !== "a")) {
        await store.put(key, bytes(key));
      }
      expect(await keys(store)).toEqual(["a-b", "a/b", "a/c/d", "aa/x", "b/10", "b/2"]);
      expect(await keys(store, "a")).toEqual(["a-b", "a/b", "a/c/d", "aa/x"]);
      expect(await keys(store, "a/")).toEqual(["a/b", "a/c/d"]);
      expect(await keys(store, "a/c/")).toEqual(["a/c/d"]);
      expect(await keys(store, "b/1")).toEqual(["b/10"]);
      expect(await keys(store, "../")).toEqual([]);
    });

    test.each([
      "",
      "/a",
      "a/",
      "a//b",
      "..",
      "../a",
      "a/../../b",
      "a/./b",
      ".hidden",
      "a/.tmp",
      "a\\b",
      "C:a",
      "a\0b",
      "a\nb",
      "\ud800",
      "x".repeat(201),
      "x/".repeat(600),
    ])("refuses the key %j", async (key) => {
      const store = await create();
      const refusal = expect.objectContaining({ code: "INVALID_KEY" });
      await expect(store.put(key, bytes("x"))).rejects.toEqual(refusal);
      await expect(store.get(key)).rejects.toEqual(refusal);
      await expect(store.head(key)).rejects.toEqual(refusal);
      await expect(store.delete(key)).rejects.toEqual(refusal);
    });

    test("stops when its signal aborts", async () => {
      const store = await create();
      await store.put("a", bytes("x"));
      const signal = AbortSignal.abort(new Error("no longer wanted"));
      await expect(store.get("a", { signal })).rejects.toThrow("no longer wanted");
      await expect(store.put("b", bytes("x"), { signal })).rejects.toThrow("no longer wanted");
      expect(await store.head("b")).toBeNull();
    });
  });
}

export function bytes(content: string): Uint8Array {
  return Buffer.from(content);
}

export async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function* pieces(...contents: string[]): AsyncGenerator<Uint8Array> {
  for (const content of contents) yield bytes(content);
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield bytes("half");
  throw new Error("the source broke");
}

async function keys(store: ObjectStore, prefix?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix === undefined ? {} : { prefix })) found.push(key);
  return found;
}
