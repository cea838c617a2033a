import { expect, test } from "vitest";
import { videoTrackFromConfig } from "../codecs/index.ts";
import { createFragmentReader, writeFragment, writeInitSegment } from "./index.ts";

const config = Buffer.from(
  "0164001fffe1001a6764001facd9405005bb011000000300100000030320f183196001000668ebe3cb22c0fdf8f800",
  "hex",
);

test("what is kept of Node's buffers does not keep them: their slice is no copy", () => {
  const track = videoTrackFromConfig({ codec: "h264", config, id: 1, timescale: 1000 });
  const packet = { track, dts: 0, pts: 0, duration: 40, keyframe: true };
  const packets = [new Uint8Array(10), new Uint8Array(10_000)].map((data, index) => ({
    ...packet,
    dts: 40 * index,
    pts: 40 * index,
    data,
  }));
  const bytes = Buffer.concat([
    writeInitSegment({ tracks: [track] }),
    writeFragment({ track, packets, sequenceNumber: 1 }),
  ]);
  const [small] = createFragmentReader().push(bytes);
  expect(small!.data.buffer).not.toBe(bytes.buffer);
  expect(small!.track.config.buffer).not.toBe(bytes.buffer);
});
