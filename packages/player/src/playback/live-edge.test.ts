import { expect, test } from "vitest";
import { LiveEdge } from "./live-edge.ts";

/** What of a `<video>` matters here. */
function edgeAt(currentTime: number) {
  const video = { currentTime, playbackRate: 1 } as HTMLVideoElement;
  const heard: boolean[] = [];
  return { video, heard, edge: new LiveEdge(video, (following) => heard.push(following)) };
}

test("a move backward, away from the edge, is a viewer who looks back; one to the edge ends that", () => {
  const { video, edge, heard } = edgeAt(90);
  edge.judge(100, 99.5);
  expect(edge.following).toBe(false);
  video.currentTime = 95;
  edge.judge(101, 90);
  expect(edge.following).toBe(false);
  video.currentTime = 100.5;
  edge.judge(102, 95);
  expect(edge.following).toBe(true);
  expect(heard).toEqual([false, true]);
});

test("an engine that jumps over a hole after a stall goes on following", () => {
  const { edge, heard } = edgeAt(92);
  edge.judge(100, 91.5);
  expect(edge.following).toBe(true);
  expect(heard).toEqual([]);
});

test("a jump goes to the edge, and follows again", () => {
  const { video, edge } = edgeAt(90);
  edge.judge(100, 99);
  edge.jump(null);
  expect(video.currentTime).toBe(90);
  edge.jump(100);
  expect(video.currentTime).toBe(100);
  expect(edge.following).toBe(true);
});
