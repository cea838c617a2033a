/** The order in which equals are asked. No I/O. */

import { hashOf, scoreOf } from "./key-hash.ts";

/**
 * `priority`: as they are listed. `weighted`: each first in turn, as often as its weight says. `hash`: the same one first for the same target,
 * so that each of several caches holds a part.
 */
export type Balance = "priority" | "weighted" | "hash";

/** Who is ordered. */
export interface Weighted {
  readonly name: string;
  readonly weight: number;
  /** The lowest comes first, whatever the balance. */
  readonly priority: number;
}

/** Orders all of `members` for one request. */
export type Order<Member> = (target: string) => Member[];

/** An order by priority, and by `balance` among those of the same. */
export function createOrder<Member extends Weighted>(members: readonly Member[], balance: Balance): Order<Member> {
  const groups = [...new Set(members.map(({ priority }) => priority))]
    .sort((one, other) => one - other)
    .map((priority) => members.filter((member) => member.priority === priority))
    .map((group) => orderOf(group, balance));
  const [only] = groups;
  if (groups.length === 1 && only !== undefined) return only;
  return (target) => groups.flatMap((order) => order(target));
}

function orderOf<Member extends Weighted>(group: readonly Member[], balance: Balance): Order<Member> {
  if (group.length === 1 || balance === "priority") return () => [...group];
  return balance === "weighted" ? smoothWeighted(group) : byHash(group);
}

/** Smooth weighted round robin, as nginx has it: weights 3 and 1 give a, a, b, a and not a, a, a, b. */
function smoothWeighted<Member extends Weighted>(group: readonly Member[]): Order<Member> {
  const total = group.reduce((sum, { weight }) => sum + weight, 0);
  const turns = group.map((member) => ({ member, credit: 0 }));
  return () => {
    for (const turn of turns) turn.credit += turn.member.weight;
    const order = [...turns].sort((one, other) => other.credit - one.credit);
    order[0]!.credit -= total;
    return order.map(({ member }) => member);
  };
}

function byHash<Member extends Weighted>(group: readonly Member[]): Order<Member> {
  const hashed = group.map((member) => ({ member, node: hashOf(member.name) }));
  return (target) => {
    const key = hashOf(target);
    return hashed
      .map(({ member, node }) => ({ member, score: scoreOf(node, key, member.weight) }))
      .sort((one, other) => other.score - one.score)
      .map(({ member }) => member);
  };
}
