import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peer } from "@ami-streams/testing";
import { expect, test } from "vitest";
import { createRtmpClient, createRtmpServer } from "../index.ts";
import { liveSource, madePackets } from "../testing/made-source.ts";

test.skipIf(peer("openssl") === null)("RTMPS: publishes and plays over TLS; a plain client gets nowhere", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ingest-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const request = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "1",
    "-subj",
  ];
  execFileSync(
    peer("openssl") ?? "",
    [...request, "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
    {
      stdio: "ignore",
    },
  );
  const tls = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  await using server = await createRtmpServer({ port: 0, host: "127.0.0.1", tls });
  expect(server.url).toMatch(/^rtmps:/);
  await using client = createRtmpClient({ url: `${server.url}/live/key`, tls: { ca: tls.cert } });
  const source = liveSource();
  const published = client.publish(source);
  for (const packet of madePackets({ duration: 1 })) source.write(packet);
  const { value } = await server.publications()[Symbol.asyncIterator]().next();
  expect(value).toMatchObject({ app: "live", streamKey: "key" });
  await using player = createRtmpClient({ url: `${server.url}/live/key`, tls: { ca: tls.cert }, reconnect: false });
  const playback = await player.play();
  expect(playback.tracks.map(({ kind }) => kind)).toEqual(["video", "audio"]);
  const first = await playback.packets()[Symbol.asyncIterator]().next();
  expect(first.value).toMatchObject({ keyframe: true });
  source.end();
  await published;
  expect(await playback.closed).toBeUndefined();
  const plain = createRtmpClient({ url: `${server.url.replace("rtmps", "rtmp")}/live/key`, reconnect: false });
  await expect(plain.publish(liveSource())).rejects.toMatchObject({ name: "IngestError" });
  const distrustful = createRtmpClient({ url: `${server.url}/live/key`, reconnect: false });
  await expect(distrustful.publish(liveSource())).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
});
