/** The process behind a test card: draws and encodes in real time, hands packets to its parent until that goes away. */

import { Card } from "./card.ts";
import { type EncodedPacket, PictureEncoder, SoundEncoder } from "./card-encoder.ts";
import type { CardMessage, CardProcessOptions } from "./card-message.ts";
import { beep } from "./sound.ts";

/** Messages that the parent has not taken. Above, frames are left out: a live card does not queue. */
const maxUnsent = 60;

const options = JSON.parse(process.argv[2] ?? "{}") as CardProcessOptions;
const { width, height, frameRate, keyframeInterval, videoBitrate, audioBitrate, videoTimescale, sampleRate } = options;

process.on("disconnect", () => process.exit(0));
// The parent ends this process: a signal for the whole group, as Ctrl-C sends it, must not do so halfway.
process.on("SIGINT", () => {});

let unsent = 0;
function send(message: CardMessage): void {
  unsent += 1;
  process.send?.(message, undefined, undefined, () => {
    unsent -= 1;
  });
}

const card = new Card({ width, height, frameRate, caption: options.caption });
const picture = new PictureEncoder({ width, height, frameRate, timescale: videoTimescale, bitrate: videoBitrate });
const sound = new SoundEncoder({ sampleRate, bitrate: audioBitrate });

// The card starts at a full second, so that pictures, seconds, beeps and keyframes stay together.
const epoch = Math.ceil((Date.now() + 1) / 1000) * 1000;
const clockStart = performance.now() + (epoch - Date.now());
send({ kind: "tracks", epoch, h264: picture.header, aac: sound.header });
const framesPerKeyframe = Math.max(1, Math.round(keyframeInterval * frameRate));

function sendPackets(track: "video" | "audio", packets: readonly EncodedPacket[]): void {
  // What an audio encoder gives for the time before 0 is its priming.
  for (const packet of packets) if (packet.pts >= 0) send({ kind: "packet", track, ...packet });
}

let sample = 0;
async function makeSound(until: number): Promise<void> {
  while (sample + sound.frameSize <= until) {
    const start = sample;
    sample += sound.frameSize;
    sendPackets("audio", await sound.encode(beep(start, sound.frameSize, sampleRate), start));
  }
}

let keyframeDue = true;
for (let frame = 0; ; frame += 1) {
  const due = (frame * 1000) / frameRate;
  const late = performance.now() - clockStart - due;
  if (late < 0) await new Promise((resolve) => setTimeout(resolve, -late));
  if (frame % framesPerKeyframe === 0) keyframeDue = true;
  // Too slow a machine shows fewer frames, each at its time.
  if (late > 2000 / frameRate || unsent > maxUnsent) continue;
  card.paint(frame, epoch + Math.round(due));
  const pts = Math.round((frame * videoTimescale) / frameRate);
  sendPackets("video", await picture.encode(card.canvas.bytes, pts, keyframeDue));
  keyframeDue = false;
  await makeSound(Math.round((due * sampleRate) / 1000));
}
