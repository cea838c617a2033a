/** MediaMTX beside us: its defaults, but for ports of its own on loopback. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A running MediaMTX. Disposing it ends it. */
export interface Mediamtx extends AsyncDisposable {
  /** E.g. `MediaMTX v1.20.1`. */
  readonly version: string;
  /** Where to publish, without the key. */
  readonly rtmp: string;
  readonly hls: string;
  /** Resolves when a stream can be watched. */
  live(stream: string): Promise<void>;
}

/** @param program - path of its binary. */
export async function startMediamtx(program: string): Promise<Mediamtx> {
  const folder = await mkdtemp(join(tmpdir(), "ami-mediamtx-"));
  const [rtmp, hls] = [await freePort(), await freePort()];
  const config = [
    "logLevel: error",
    ...["rtsp", "webrtc", "srt"].map((protocol) => `${protocol}: no`),
    `rtmpAddress: 127.0.0.1:${rtmp}`,
    `hlsAddress: 127.0.0.1:${hls}`,
    "paths:\n  all_others:\n",
  ].join("\n");
  await writeFile(join(folder, "mediamtx.yml"), config);
  const { stdout } = await promisify(execFile)(program, ["--version"]);
  const child = spawn(program, [join(folder, "mediamtx.yml")], {
    // It writes a certificate of its own beside itself.
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = once(child, "exit");
  const origin = `http://127.0.0.1:${hls}`;
  return {
    version: `MediaMTX ${stdout.trim()}`,
    rtmp: `rtmp://127.0.0.1:${rtmp}/live`,
    hls: origin,
    async live(stream) {
      for (;;) {
        const found = await fetch(`${origin}/live/${stream}/index.m3u8`).then(
          ({ ok }) => ok,
          () => false,
        );
        if (found) return;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
