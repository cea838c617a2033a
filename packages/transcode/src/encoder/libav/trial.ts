/** Encodes a few grey pictures, to see whether an encoder works on this machine. Runs in an encoder process: drivers may crash it. */

import { AV_LOG_QUIET, AV_PIX_FMT_YUV420P } from "node-av/constants";
import { Frame, Log } from "node-av/lib";
import { videoCodecOptions } from "../codec-options.ts";
import { VideoLane } from "./video-lane.ts";
import type { WireTrial } from "./wire.ts";

const size = { width: 640, height: 360 };
const pictures = 4;
const timescale = 30;

/** @throws with the reason why it does not work. */
export async function tryEncoder({ codec, hardware }: WireTrial): Promise<void> {
  Log.setLevel(AV_LOG_QUIET);
  const settings = { codec, ...size, frameRate: timescale, bitrate: 1_000_000 };
  let packets = 0;
  const lane = new VideoLane({
    settings,
    codec: videoCodecOptions(settings, { hardware, preset: "veryfast", threads: 1 }),
    timescale,
    sourceFrameRate: timescale,
    onPacket: async () => {
      packets += 1;
    },
  });
  const grey = Buffer.alloc((size.width * size.height * 3) / 2, 128);
  for (let number = 0; number < pictures; number += 1) {
    const frame = Frame.fromVideoBuffer(grey, {
      ...size,
      format: AV_PIX_FMT_YUV420P,
      timeBase: { num: 1, den: timescale },
      pts: BigInt(number),
    });
    await lane.push(frame, number === 0);
    frame.free();
  }
  await lane.flush();
  lane.close();
  if (packets < pictures) throw new Error(`${packets} packets of ${pictures} pictures`);
}
