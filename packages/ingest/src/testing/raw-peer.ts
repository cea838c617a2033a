/** A peer that speaks RTMP by hand, for tests of what no proper client does. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { amfMember } from "../rtmp/amf0/amf-value.ts";
import { type Command, readCommand, writeCommand } from "../rtmp/command/command.ts";
import { ClientHandshake } from "../rtmp/handshake/client-handshake.ts";
import { MessageType, type RtmpMessage } from "../rtmp/message/message.ts";
import { Wire } from "../rtmp/session/wire.ts";

/** One socket to a server, and every command that came back. */
export class RawPeer implements AsyncDisposable {
  readonly socket: Socket;
  readonly commands: Command[] = [];
  readonly media: RtmpMessage[] = [];
  readonly #wire: Wire;
  #wake: () => void = () => {};
  #transaction = 0;

  private constructor(port: number) {
    const handshake = new ClientHandshake(0, { kind: "simple" });
    this.#wire = new Wire(handshake);
    this.socket = connect(port, "127.0.0.1");
    this.socket.write(handshake.opening);
    this.socket.on("data", (bytes) => {
      for (const message of this.#wire.receive(bytes)) {
        if (message.typeId === MessageType.CommandAmf0) this.commands.push(readCommand(message));
        else this.media.push(message);
      }
      this.#flush();
      this.#wake();
    });
    this.socket.on("error", () => this.socket.destroy());
    this.socket.on("close", () => this.#wake());
  }

  /** Connects and completes the handshake. */
  static async open(port: number): Promise<RawPeer> {
    const peer = new RawPeer(port);
    await peer.until(() => peer.#wire.handshakeDone);
    return peer;
  }

  /** Connects, and asks for a stream with the given name. */
  static async ask(port: number, action: "publish" | "play", app: string, name: string): Promise<RawPeer> {
    const peer = await RawPeer.open(port);
    peer.command("connect", { app, tcUrl: `rtmp://127.0.0.1/${app}` });
    peer.command("createStream", null);
    await peer.until(() => peer.commands.length >= 2);
    peer.command(action, null, name, "live");
    await peer.until(() => peer.status !== undefined);
    return peer;
  }

  get closed(): boolean {
    return this.socket.destroyed || this.socket.readableEnded;
  }

  /** Code of the last status. */
  get status(): string | undefined {
    return this.statuses.at(-1)?.code;
  }

  get statuses(): { code: string; description: string }[] {
    return this.commands
      .filter(({ name }) => name === "onStatus")
      .map(({ args }) => ({
        code: String(amfMember(args[0], "code")),
        description: String(amfMember(args[0], "description")),
      }));
  }

  command(name: string, object: Command["object"], ...args: Command["args"]): void {
    this.#transaction += 1;
    const streamId = name === "publish" || name === "play" ? 1 : 0;
    this.message(writeCommand({ name, transactionId: this.#transaction, object, args }, streamId));
  }

  message(message: RtmpMessage): void {
    this.#wire.send(message);
    this.#flush();
  }

  #flush(): void {
    for (const output of this.#wire.takeOutput()) this.socket.write(output);
  }

  video(timestamp: number, payload: Uint8Array): void {
    this.message({ typeId: MessageType.Video, streamId: 1, timestamp, payload });
  }

  audio(timestamp: number, payload: Uint8Array): void {
    this.message({ typeId: MessageType.Audio, streamId: 1, timestamp, payload });
  }

  /** Waits for a condition, looked at whenever something came, or for the end of the connection. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.closed) throw new Error(`the server closed: ${JSON.stringify(this.statuses)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Waits until the server has closed the connection. */
  async ended(): Promise<void> {
    if (!this.socket.destroyed) await once(this.socket, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.ended();
  }
}
