/** Entries by how recently they were used: a list of those and the bytes that they take. */

/** An entry in a {@link RecencyQueue}. */
export interface QueueNode<Key, Entry> {
  readonly key: Key;
  readonly hash: number;
  readonly entry: Entry;
  readonly size: number;
  /** What its size does for it: worth = how often it was asked for × this. */
  readonly weight: number;
  queue: RecencyQueue<Key, Entry>;
  newer: QueueNode<Key, Entry> | undefined;
  older: QueueNode<Key, Entry> | undefined;
}

/** Adding, removing and touching cost the same however many there are. */
export class RecencyQueue<Key, Entry> {
  bytes = 0;
  newest: QueueNode<Key, Entry> | undefined;
  oldest: QueueNode<Key, Entry> | undefined;

  add(node: QueueNode<Key, Entry>): void {
    node.queue = this;
    node.newer = undefined;
    node.older = this.newest;
    if (this.newest !== undefined) this.newest.newer = node;
    this.newest = node;
    this.oldest ??= node;
    this.bytes += node.size;
  }

  remove(node: QueueNode<Key, Entry>): void {
    if (node.newer === undefined) this.newest = node.older;
    else node.newer.older = node.older;
    if (node.older === undefined) this.oldest = node.newer;
    else node.older.newer = node.newer;
    this.bytes -= node.size;
  }

  /** It was used. */
  touch(node: QueueNode<Key, Entry>): void {
    if (this.newest === node) return;
    this.remove(node);
    this.add(node);
  }
}
