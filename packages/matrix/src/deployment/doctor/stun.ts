/** Asking a TURN server whether it is there: a STUN binding request (RFC 8489 §6), which needs no account. */

import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";

const BINDING_REQUEST = 0x0001;
const BINDING_RESPONSE = 0x0101;
const MAGIC_COOKIE = 0x2112a442;
/** Bytes of a message without attributes. */
const HEADER = 20;
/** Milliseconds between two tries, and their number: UDP may lose one. */
const RETRY = 500;
const TRIES = 4;

/** A binding request with a transaction id of 12 bytes. */
export function bindingRequest(transaction: Uint8Array): Uint8Array {
  const message = new Uint8Array(HEADER);
  const view = new DataView(message.buffer);
  view.setUint16(0, BINDING_REQUEST);
  view.setUint32(4, MAGIC_COOKIE);
  message.set(transaction, 8);
  return message;
}

/** Whether a message is the answer to the request with this transaction id. */
export function isBindingResponse(message: Uint8Array, transaction: Uint8Array): boolean {
  if (message.length < HEADER) return false;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const complete = view.getUint16(2) === message.length - HEADER;
  const answers = view.getUint16(0) === BINDING_RESPONSE && view.getUint32(4) === MAGIC_COOKIE;
  return complete && answers && transaction.every((byte, index) => byte === message[8 + index]);
}

/** Whether something answers at a host and UDP port. */
export async function answersStun(host: string, port: number, signal?: AbortSignal): Promise<boolean> {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  const transaction = randomBytes(12);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      let tries = 0;
      const send = (): void => {
        if (tries === TRIES) {
          resolve(false);
          return;
        }
        tries += 1;
        socket.send(bindingRequest(transaction), port, host, (error) => {
          if (error !== null) resolve(false);
        });
        timer = setTimeout(send, RETRY);
      };
      socket.on("message", (message) => {
        if (isBindingResponse(message, transaction)) resolve(true);
      });
      socket.once("error", () => resolve(false));
      signal?.addEventListener("abort", () => resolve(false), { once: true });
      send();
    });
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}
