/** Takes what an encoder has ready. Runs in the encoder process. */

import { AVERROR_EAGAIN, AVERROR_EOF } from "node-av/constants";
import type { CodecContext, Packet } from "node-av/lib";
import { describe } from "./decoder.ts";

/**
 * Gives every packet that is ready, one after the other, in `packet`.
 *
 * @param sent - what sending the frame before resulted in.
 * @throws when that failed, or receiving does.
 */
export async function receivePackets(
  encoder: CodecContext,
  sent: number,
  packet: Packet,
  onPacket: (packet: Packet) => Promise<void>,
): Promise<void> {
  if (sent < 0 && sent !== AVERROR_EOF) throw new Error(`encoding failed: ${describe(sent)}`);
  for (;;) {
    const received = encoder.receivePacketSync(packet);
    if (received === AVERROR_EAGAIN || received === AVERROR_EOF) return;
    if (received < 0) throw new Error(`encoding failed: ${describe(received)}`);
    await onPacket(packet);
    packet.unref();
  }
}
