/** Which word was probably meant. */

/** Edits between a word and the one that was probably meant. */
const MAX_TYPOS = 2;

/** The one of some words that another one is close enough to for it to be a slip; undefined where none is. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let distance = MAX_TYPOS + 1;
  for (const each of words) {
    const edits = editsBetween(word.toLowerCase(), each.toLowerCase(), distance);
    if (edits < distance && edits < each.length) {
      distance = edits;
      best = each;
    }
  }
  return best;
}

/** Levenshtein's distance, with swapped neighbours as one edit. Gives up at `most`. */
function editsBetween(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) >= most) return most;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, before[j - 2]! + 1);
      row.push(edits);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
