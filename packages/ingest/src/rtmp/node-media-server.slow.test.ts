/** Our client against a server that we did not write. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Packet } from "@ami-streams/media";
import { expect, test, vi } from "vitest";
import { createRtmpClient } from "../index.ts";
import { freePort } from "../testing/free-port.ts";
import { liveSource, madePackets } from "../testing/made-source.ts";
import { runProgram } from "../testing/program.ts";

const require = createRequire(import.meta.url);

test("publishes to node-media-server and plays from it, picture by picture", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ingest-"));
  try {
    const port = await freePort();
    const main = require.resolve("node-media-server");
    const script = join(folder, "server.cjs");
    const config = {
      bind: "127.0.0.1",
      rtmp: { port },
      store: { path: folder },
      auth: { play: false, publish: false },
    };
    await writeFile(
      script,
      `const Server = require(${JSON.stringify(main)}); new Server(${JSON.stringify(config)}).run();`,
    );
    await using server = runProgram(process.execPath, [script]);
    const exited = server.exit.then(({ stderr, stdout }) => {
      throw new Error(`node-media-server ended: ${stdout}${stderr}`);
    });
    exited.catch(() => {});
    const url = `rtmp://127.0.0.1:${port}/live/key`;
    const reconnect = { initialDelay: 100, maxDelay: 300 };
    await using publisher = createRtmpClient({ url, reconnect });
    await using player = createRtmpClient({ url, reconnect });
    const source = liveSource();
    const published = publisher.publish(source);
    const packets = madePackets({ duration: 60 });
    let index = 0;
    const timer = setInterval(() => {
      for (let count = 0; count < 3; count += 1) source.write(packets[index++]!);
    }, 40);
    try {
      const playback = await Promise.race([player.play(), exited]);
      expect(playback.tracks.map(({ codec }) => codec)).toEqual(["avc1.42c00a", "mp4a.40.2"]);
      const seen: Packet[] = [];
      for await (const packet of playback.packets()) {
        if (packet.track.kind === "video") seen.push(packet);
        if (seen.length === 60) break;
      }
      expect(seen[0]?.keyframe).toBe(true);
      expect(seen.slice(1).every(({ dts }, at) => dts - seen[at]!.dts === 4800)).toBe(true);
      playback.close();
      await playback.closed;
    } finally {
      clearInterval(timer);
    }
    source.end();
    await published;
  } finally {
    await vi.waitFor(() => rm(folder, { recursive: true }));
  }
});
