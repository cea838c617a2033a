/** For tests: what a segmenter's events amount to. */

import type { Packet } from "@ami-streams/media";
import type { Boundary } from "../boundary.ts";
import type { SegmenterEvent } from "../segmenter-event.ts";

interface ReplayedPart {
  readonly packets: Packet[];
  duration: number;
  independent: boolean;
  closed: boolean;
}

export interface ReplayedSegment {
  readonly boundary: Boundary;
  readonly missed: boolean;
  /** Seconds. */
  readonly time: number;
  readonly parts: ReplayedPart[];
  duration: number;
  closed: boolean;
}

/** Segments by rendition. Throws where events contradict each other. */
export function replay(events: readonly SegmenterEvent[]): Map<string, ReplayedSegment[]> {
  const renditions = new Map<string, ReplayedSegment[]>();
  for (const event of events) {
    const segments = renditions.get(event.rendition) ?? [];
    renditions.set(event.rendition, segments);
    const last = segments.at(-1);
    if (event.type === "segment-opened" || event.type === "segment-missed") {
      if (last !== undefined && !last.closed) throw new Error("a segment was opened before the last was closed");
      if (last !== undefined && event.boundary.number !== last.boundary.number + 1)
        throw new Error("a number was left out");
      const missed = event.type === "segment-missed";
      const [time, duration] = missed ? [event.boundary.time, event.duration] : [event.time, 0];
      segments.push({ boundary: event.boundary, missed, time, parts: [], duration, closed: missed });
      continue;
    }
    if (last === undefined || last.closed) throw new Error(`${event.type} without an open segment`);
    if (event.type === "chunk-cut") {
      let part = last.parts.at(-1);
      if (part === undefined || part.closed) {
        part = { packets: [], duration: 0, independent: false, closed: false };
        last.parts.push(part);
      }
      part.packets.push(...event.packets);
    } else if (event.type === "part-closed") {
      const part = last.parts.at(-1)!;
      Object.assign(part, { duration: event.duration, independent: event.independent, closed: true });
    } else {
      last.duration = event.duration;
      last.closed = true;
    }
  }
  return renditions;
}

export function packetsOf(segments: readonly ReplayedSegment[]): Packet[] {
  return segments.flatMap((segment) => segment.parts.flatMap((part) => part.packets));
}
