/** Objects in memory. */

import { expect, test } from "vitest";
import { bytes, testObjectStore } from "./contract.test-suite.ts";
import { createMemoryStore } from "./memory-store.ts";

testObjectStore("a memory store", async () => createMemoryStore());

test("a store that is full says so, keeps what it has, and takes what fits", async () => {
  const store = createMemoryStore({ maxBytes: 10 });
  await store.put("a", bytes("12345678"));
  await expect(store.put("b", bytes("123"))).rejects.toMatchObject({ code: "STORE_FULL" });
  await store.put("a", bytes("1234567890"));
  await expect(store.put("b", endless())).rejects.toMatchObject({ code: "STORE_FULL" });
  await store.delete("a");
  await store.put("b", bytes("1234567890"));
});

test("a body that the caller changes afterwards stays as it was put", async () => {
  const store = createMemoryStore();
  const body = Uint8Array.of(1, 2, 3);
  await store.put("a", body);
  body.fill(9);
  expect((await store.get("a"))?.bytes).toEqual(Uint8Array.of(1, 2, 3));
});

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield bytes("x");
}
