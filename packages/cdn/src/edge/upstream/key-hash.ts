/** Which of several holds a key, the same everywhere that knows their names. Pure. */

/** 32 bits of a string: FNV-1a, and a finish that spreads every bit over all of them. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash);
}

/** 32 bits of two hashes together. */
export function mix(hash: number, seed = 0): number {
  let bits = hash ^ Math.imul(seed, 0x9e3779b1);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/**
 * Where a node stands for a key (highest random weight): who has the highest score holds it. A node's score depends on nobody else, so
 * when one comes or goes only its keys move, and any two who know two names agree on which of them comes first.
 *
 * @param node - {@link hashOf} its name. @param key - {@link hashOf} the key. @param weight - its share of the keys beside the others' weights.
 */
export function scoreOf(node: number, key: number, weight = 1): number {
  const uniform = (mix(key, node) + 0.5) / 2 ** 32;
  return -weight / Math.log(uniform);
}
