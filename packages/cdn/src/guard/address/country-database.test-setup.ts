/** Writes a small country database in MaxMind DB format 2.0, for tests. */

import ipaddr from "ipaddr.js";

/** A place in the tree: another node, a record, or nothing. */
type Branch = TreeNode | string | undefined;
interface TreeNode {
  readonly branches: [Branch, Branch];
  number: number;
}

const RECORD_BITS = 24;

/** @param networks - country codes by CIDR. */
export function writeCountryDatabase(networks: Readonly<Record<string, string>>): Buffer {
  const root: TreeNode = { branches: [undefined, undefined], number: 0 };
  for (const [cidr, code] of Object.entries(networks)) insert(root, cidr, code);
  const nodes: TreeNode[] = [];
  number(root, nodes);

  const data: Buffer[] = [];
  const offsets = new Map<string, number>();
  for (const code of new Set(Object.values(networks))) {
    offsets.set(code, Buffer.concat(data).length);
    data.push(map([["country", map([["iso_code", text(code)]])]]));
  }
  const tree = Buffer.alloc((nodes.length * RECORD_BITS * 2) / 8);
  for (const [at, { branches }] of nodes.entries()) {
    for (const [side, branch] of branches.entries()) {
      const value =
        branch === undefined
          ? nodes.length
          : typeof branch === "string"
            ? nodes.length + 16 + offsets.get(branch)!
            : branch.number;
      tree.writeUIntBE(value, at * 6 + side * 3, 3);
    }
  }
  const metadata = map([
    ["node_count", uint(6, nodes.length)],
    ["record_size", uint(5, RECORD_BITS)],
    ["ip_version", uint(5, 6)],
    ["database_type", text("Test-Country")],
    ["languages", control(11, 0)],
    ["binary_format_major_version", uint(5, 2)],
    ["binary_format_minor_version", uint(5, 0)],
    ["build_epoch", uint(9, 1_767_225_600)],
    ["description", map([["en", text("test")]])],
  ]);
  return Buffer.concat([
    tree,
    Buffer.alloc(16),
    ...data,
    Buffer.from("abcdef", "hex"),
    Buffer.from("MaxMind.com"),
    metadata,
  ]);
}

/** IPv4 networks are those below `::/96`. */
function insert(root: TreeNode, cidr: string, code: string): void {
  const [address, prefix] = ipaddr.parseCIDR(cidr);
  const isNarrow = address instanceof ipaddr.IPv4;
  const bytes = [...(isNarrow ? Array<number>(12).fill(0) : []), ...address.toByteArray()];
  const depth = prefix + (isNarrow ? 96 : 0);
  let node = root;
  for (let bit = 0; bit < depth; bit += 1) {
    const side = ((bytes[bit >>> 3]! >>> (7 - (bit & 7))) & 1) as 0 | 1;
    if (bit === depth - 1) node.branches[side] = code;
    else {
      const next = node.branches[side];
      const child: TreeNode = typeof next === "object" ? next : { branches: [undefined, undefined], number: 0 };
      node.branches[side] = child;
      node = child;
    }
  }
}

function number(node: TreeNode, nodes: TreeNode[]): void {
  node.number = nodes.length;
  nodes.push(node);
  for (const branch of node.branches) if (typeof branch === "object") number(branch, nodes);
}

/** Types above 7 are written in a second byte. */
function control(type: number, size: number): Buffer {
  return type <= 7 ? Buffer.from([(type << 5) | size]) : Buffer.from([size, type - 7]);
}

function text(value: string): Buffer {
  return Buffer.concat([control(2, value.length), Buffer.from(value)]);
}

function uint(type: number, value: number): Buffer {
  const bytes = Buffer.from(value.toString(16).padStart(8, "0"), "hex");
  const width = type === 5 ? 2 : 4;
  return Buffer.concat([control(type, width), bytes.subarray(4 - width)]);
}

function map(entries: readonly [string, Buffer][]): Buffer {
  return Buffer.concat([control(7, entries.length), ...entries.flatMap(([key, value]) => [text(key), value])]);
}
