import { encodeCmcd } from "@svta/cml-cmcd";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Cmcd, hasCmcd, parseCmcd, readCmcd } from "./cmcd.ts";

const query = (cmcd: string): Cmcd | undefined =>
  readCmcd({ target: `/a.m4s?b=c&CMCD=${encodeURIComponent(cmcd)}&d=e`, headers: {} });

const V1 =
  'bl=21300,br=3200,bs,cid="faec5fc2-ac30",d=4004,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",nrr="12323-48763",' +
  'ot=v,pr=1.08,rtp=12000,sf=d,sid="6e2fb550-c457",st=v,su,tb=6000';

test("version 1, from the query", () => {
  expect(query(V1)).toEqual({
    v: 1,
    bl: 21300,
    br: 3200,
    bs: true,
    cid: "faec5fc2-ac30",
    d: 4004,
    dl: 18500,
    mtp: 48100,
    nor: [{ reference: "../300kbps/track.m4v", range: "12323-48763" }],
    ot: "v",
    pr: 1.08,
    rtp: 12000,
    sf: "d",
    sid: "6e2fb550-c457",
    st: "v",
    su: true,
    tb: 6000,
  });
});

test("version 2, whose lists are by object type", () => {
  const text =
    'bl=(0;a 2000;v),br=(3000;v 128;a),bsd=(120 80;v),ec=("A" "B"),ltc=3200,msd=200,mtp=(15000),' +
    'nor=("../a.m4s" "b.m4s";r="0-99"),ot=v,sid="s",sta=p,v=2';
  expect(query(text)).toEqual({
    v: 2,
    bl: 2000,
    br: 3000,
    bsd: 200,
    ec: ["A", "B"],
    ltc: 3200,
    msd: 200,
    mtp: 15000,
    nor: [{ reference: "../a.m4s" }, { reference: "b.m4s", range: "0-99" }],
    ot: "v",
    sid: "s",
    sta: "p",
  });
});

test("from the four header fields, whichever there are", () => {
  const headers = { "cmcd-session": 'sid="s",sf=h,v=2', "cmcd-request": "bl=(2000),su", "cmcd-object": "ot=a" };
  expect(readCmcd({ target: "/a", headers })).toEqual({ v: 2, sid: "s", sf: "h", bl: 2000, su: true, ot: "a" });
});

test("where there are header fields, the query counts for nothing", () => {
  const target = `/a?CMCD=${encodeURIComponent('sid="query"')}`;
  expect(readCmcd({ target, headers: { "cmcd-status": "bs" } })).toEqual({ v: 1, bs: true });
});

test("a space may be a plus, as forms have it", () => {
  const target = "/a?CMCD=nor%3D%28%22a%22+%22b%22%29%2Cv%3D2";
  expect(readCmcd({ target, headers: {} })?.nor).toEqual([{ reference: "a" }, { reference: "b" }]);
});

test("a parameter whose name only ends so is not it", () => {
  expect(readCmcd({ target: '/a?xCMCD=sid%3D"x"&CMCD=sid%3D%22y%22', headers: {} })?.sid).toBe("y");
  expect(readCmcd({ target: '/a/CMCD=sid%3D"x"', headers: {} })).toBeUndefined();
});

test("a flag may say that it is false", () => {
  expect(parseCmcd("bs=?0,su")).toEqual({ v: 1, bs: false, su: true });
});

test("a range without an object means the same object", () => {
  expect(parseCmcd('nrr="100-"')?.nor).toEqual([{ range: "100-" }]);
});

test.each([
  ['br="3200",sid="s"', "a string for a number"],
  ['bl=-1,sid="s"', "less than nothing"],
  ['mtp=999999999999999,sid="s"', "more than there can be"],
  ['ot=zz,sf=q,st=x,sta=z,sid="s"', "tokens that do not exist"],
  ['bs=1,sid="s"', "a number for a flag"],
  [`cid="${"c".repeat(129)}",sid="s"`, "a name that is too long"],
  ['nrr="0-99,200-299",sid="s"', "several ranges"],
  ['com.example-x="y",future=1,sid="s"', "keys that nobody knows"],
])("of %s only the session is left: %s", (text) => {
  expect(parseCmcd(text)).toEqual({ v: 1, sid: "s" });
});

test.each([
  ["no structured field", "bl=(1,sid"],
  ["of a version after 2", 'sid="s",v=3'],
  ["too long", `sid="s",com.x-y="${"y".repeat(8192)}"`],
  ["nothing", ""],
])("%s is no CMCD", (_what, text) => {
  expect(parseCmcd(text)).toBeUndefined();
});

test("a broken escape is no CMCD, and no error", () => {
  expect(readCmcd({ target: "/a?CMCD=%E0%A4%A", headers: {} })).toBeUndefined();
});

test("no more than four objects are announced by one request", () => {
  expect(parseCmcd(`nor=(${'"a" '.repeat(50).trim()}),v=2`)?.nor).toHaveLength(4);
});

test("a name with a control character, or one from beyond ASCII, does not get into a log", () => {
  expect(readCmcd({ target: `/a?CMCD=${encodeURIComponent('sid="a\u00fc",ot=v')}`, headers: {} })).toEqual({
    v: 1,
    ot: "v",
  });
});

test("a request that says nothing costs no parsing", () => {
  expect(hasCmcd({ target: "/a.m4s?token=b", headers: { range: "bytes=0-1" } })).toBe(false);
  expect(readCmcd({ target: "/a.m4s?token=b", headers: {} })).toBeUndefined();
});

test("what the players' own library writes is read, in both versions", () => {
  const said = {
    sid: "s",
    cid: "c",
    br: [3000],
    bl: [2000],
    mtp: [5000],
    ot: "v",
    sf: "h",
    st: "ll",
    su: true,
  } as const;
  for (const version of [1, 2] as const) {
    const text = encodeCmcd({ ...said, br: [3000], bl: [2000], mtp: [5000] }, { version });
    expect(parseCmcd(text)).toMatchObject({ v: version, sid: "s", cid: "c", br: 3000, bl: 2000, mtp: 5000, su: true });
  }
});

test("no text makes it fail, and what it reads has the types it says", () => {
  const piece = fc.constantFrom(
    "bl=",
    "br=",
    "sid=",
    '"',
    "(",
    ")",
    ";v",
    ",",
    " ",
    "1",
    "-",
    ".5",
    "?1",
    "nor=",
    "v=2",
    "ot=v",
    ":YQ==:",
    "@1",
    "%",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((pieces) => pieces.join("")),
      ),
      (text) => {
        const found = parseCmcd(text);
        if (found === undefined) return;
        for (const value of [found.bl, found.br, found.mtp]) {
          if (value !== undefined) expect(value >= 0 && value <= 1e11).toBe(true);
        }
        if (found.sid !== undefined) expect(found.sid).toMatch(/^[\x20-\x7e]{1,64}$/);
      },
    ),
  );
});
