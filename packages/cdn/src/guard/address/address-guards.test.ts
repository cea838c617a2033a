import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ask, behind, connectionFrom, HIT, refusalOf } from "../guard.test-setup.ts";
import { addressRules } from "./address-rules.ts";
import { openCountries } from "./countries.ts";
import { writeCountryDatabase } from "./country-database.test-setup.ts";
import { countryRules } from "./country-rules.ts";
import { trustProxies } from "./trusted-proxies.ts";

test("who is denied is refused, even where an allow list has them; who is on no list only where there is an allow list", async () => {
  const { send } = behind(addressRules({ allow: ["10.0.0.0/8", "2001:db8::/32"], deny: ["10.1.0.0/16"] }));
  expect(send(ask("/", { address: "10.2.0.1" }))).toBe(HIT);
  expect(send(ask("/", { address: "::ffff:10.2.0.1" }))).toBe(HIT);
  expect(send(ask("/", { address: "2001:db8::1" }))).toBe(HIT);
  expect(await refusalOf(send(ask("/", { address: "10.1.0.1" })))).toBe("ADDRESS_DENIED");
  expect(await refusalOf(send(ask("/", { address: "::ffff:10.1.0.1" })))).toBe("ADDRESS_DENIED");
  expect(await refusalOf(send(ask("/", { address: "192.0.2.1" })))).toBe("ADDRESS_DENIED");
  expect(await refusalOf(send(ask("/")))).toBe("ADDRESS_DENIED");
  const open = behind(addressRules({ deny: ["10.1.0.0/16"] }));
  expect(open.send(ask("/", { address: "192.0.2.1" }))).toBe(HIT);
  expect(open.send(ask("/"))).toBe(HIT);
});

test("behind proxies of ours, the client is the last address before them", () => {
  const { send, passed } = behind(trustProxies({ proxies: ["10.0.0.0/8", "fd00::/8"] }));
  const from = (address: string, field: string): string | undefined => {
    void send(ask("/", { address, headers: { "x-forwarded-for": field } }));
    return passed.at(-1)?.connection?.remoteAddress;
  };
  expect(from("10.0.0.1", "192.0.2.7")).toBe("192.0.2.7");
  expect(from("10.0.0.1", "6.6.6.6, 192.0.2.7, 10.0.0.2")).toBe("192.0.2.7");
  expect(from("::ffff:10.0.0.1", "2001:db8::7")).toBe("2001:db8::7");
  expect(from("10.0.0.1", "[2001:db8::7]:4711, fd00::1")).toBe("2001:db8::7");
  expect(from("10.0.0.1", "192.0.2.7:4711")).toBe("192.0.2.7");
  expect(from("10.0.0.1", "10.0.0.3,10.0.0.2")).toBe("10.0.0.3");
  expect(from("10.0.0.1", "192.0.2.7, unknown, 10.0.0.2")).toBe("10.0.0.2");
  expect(from("10.0.0.1", "nobody")).toBe("10.0.0.1");
  expect(from("10.0.0.1", "")).toBe("10.0.0.1");
  expect(from("192.0.2.1", "6.6.6.6")).toBe("192.0.2.1");
});

test("Forwarded is read with its quotes", () => {
  const { send, passed } = behind(trustProxies({ proxies: ["10.0.0.0/8"], header: "forwarded" }));
  const from = (field: string, more: Record<string, string> = {}): string | undefined => {
    void send(ask("/", { address: "10.0.0.1", headers: { forwarded: field, ...more } }));
    return passed.at(-1)?.connection?.remoteAddress;
  };
  expect(from('for=6.6.6.6, For="[2001:db8::7]:4711";proto=https;by=10.0.0.9, for=10.0.0.2')).toBe("2001:db8::7");
  expect(from('for="192.0.2.7";host="a,for=6.6.6.6"')).toBe("192.0.2.7");
  expect(from('for=6.6.6.6, for="\\"192.0.2.7"')).toBe("10.0.0.1");
  expect(from("for=6.6.6.6, proto=https")).toBe("10.0.0.1");
  expect(from("for=6.6.6.6, for=_hidden, for=10.0.0.2")).toBe("10.0.0.2");
  expect(from("for=192.0.2.7", { "x-forwarded-for": "6.6.6.6" })).toBe("192.0.2.7");
});

test("one connection of a proxy carries many clients, and each is judged", async () => {
  const connection = connectionFrom("10.0.0.1");
  const guard = addressRules({ deny: ["192.0.2.0/24"] });
  const { send } = behind((handler) => trustProxies({ proxies: ["10.0.0.0/8"] })(guard(handler)));
  const from = (client: string) =>
    refusalOf(send({ ...ask("/", { headers: { "x-forwarded-for": client } }), connection }));
  for (let turn = 0; turn < 2; turn += 1) {
    expect(await from("192.0.2.7")).toBe("ADDRESS_DENIED");
    expect(await from("198.51.100.7")).toBeUndefined();
  }
});

test("countries are let in or kept out, and a database that is replaced counts from then on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "countries-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "countries.mmdb");
  await writeFile(file, writeCountryDatabase({ "192.0.2.0/24": "DE", "198.51.100.0/25": "FR", "2001:db8::/32": "CH" }));
  await using countries = await openCountries({ file, pollInterval: 20 });
  const { send } = behind(countryRules({ countries, allow: ["de", "CH"] }));
  const connection = connectionFrom("198.51.100.7");
  expect(send(ask("/", { address: "192.0.2.7" }))).toBe(HIT);
  expect(send(ask("/", { address: "::ffff:192.0.2.7" }))).toBe(HIT);
  expect(send(ask("/", { address: "2001:db8::7" }))).toBe(HIT);
  expect(await refusalOf(send({ ...ask("/"), connection }))).toBe("COUNTRY_DENIED");
  expect(send(ask("/", { address: "198.51.100.200" }))).toBe(HIT);

  const strict = behind(countryRules({ countries, deny: ["FR"], unknown: "deny" }));
  expect(strict.send(ask("/", { address: "2001:db8::7" }))).toBe(HIT);
  expect(await refusalOf(strict.send(ask("/", { address: "198.51.100.7" })))).toBe("COUNTRY_DENIED");
  expect(await refusalOf(strict.send(ask("/", { address: "198.51.100.200" })))).toBe("COUNTRY_DENIED");
  expect(await refusalOf(strict.send(ask("/")))).toBe("COUNTRY_DENIED");

  await writeFile(`${file}.broken`, "not a database");
  await rename(`${file}.broken`, file);
  await writeFile(`${file}.new`, writeCountryDatabase({ "198.51.100.0/25": "DE" }));
  await rename(`${file}.new`, file);
  await expect.poll(() => countries.edition).toBeGreaterThan(1);
  expect(send({ ...ask("/"), connection })).toBe(HIT);
  expect(() => countryRules({ countries, deny: ["Germany"] })).toThrow(/country code/);
});

test("a database that cannot be read is said at once", async () => {
  await expect(openCountries({ file: "/nowhere/countries.mmdb" })).rejects.toMatchObject({ code: "DATABASE_FAILED" });
});
