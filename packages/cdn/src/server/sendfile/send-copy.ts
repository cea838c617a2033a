/** Sends a body from its copy, as fast as the client takes it. */

import type { TrackedConnection } from "../connections.ts";
import { MAX_WRITE_BYTES } from "../relay.ts";
import { descriptorOf } from "../socket-inside.ts";
import type { BodyCopy } from "./body-copies.ts";
import { FAILED } from "./sendfile.ts";

/** Bytes that are written the usual way when a socket is full: libuv says when it has taken them, and `sendfile` cannot. */
const WAITING_BYTES = 16 * 1024;
const NOTHING = new Uint8Array(0);

/**
 * Sends bytes after all that was written to a connection before. What the copy does not have any more is written.
 *
 * @param bytes - what the copy is of, or a part of it.
 * @param onEnd - called once, maybe at once, when the system has all of them or the socket failed.
 */
export function sendCopy(connection: TrackedConnection, copy: BodyCopy, bytes: Uint8Array, onEnd: () => void): void {
  const { socket } = connection;
  const { byteOffset, byteLength } = bytes;
  let at = 0;
  const end = (): void => {
    connection.waitingBeside = 0;
    socket.allowHalfOpen = false;
    // The client said meanwhile that it asks for no more.
    if (socket.readableEnded) socket.end();
    onEnd();
  };
  const proceed = (error?: Error | null): void => {
    const descriptor = descriptorOf(socket);
    if (error || descriptor === undefined || at === byteLength) {
      end();
      return;
    }
    const sent = copy.send(descriptor, byteOffset + at, byteLength - at);
    if (sent === FAILED) {
      // If it is the socket that failed, writing finds out why.
      socket.write(bytes.subarray(at), end);
      return;
    }
    at += sent;
    connection.sentBeside += sent;
    if (at === byteLength) {
      end();
      return;
    }
    // It took a part: it is full, and asking again would only hear that.
    const waiting = bytes.subarray(at, at + WAITING_BYTES);
    at += waiting.byteLength;
    socket.allowHalfOpen = true;
    connection.waitingBeside = Math.min(MAX_WRITE_BYTES, byteLength - at);
    socket.write(waiting, proceed);
  };
  if (socket.writableLength === 0) proceed();
  else socket.write(NOTHING, proceed);
}
