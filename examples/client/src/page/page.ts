/** The page: chooses stream, protocol and edge, shows delay and edges, and says how to publish. */

import { AmiPlayer } from "@ami-streams/player";
import type { LiveStream, PageConfig } from "../config.ts";
import { DelayMeter, drawChart } from "./delay.ts";
import { EdgeDashboard } from "./edges.ts";

type Protocol = "hls" | "dash";

const livePollInterval = 2000;
const figureInterval = 250;

const byId = <T extends HTMLElement = HTMLElement>(id: string): T => {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element as T;
};

const asked = new URLSearchParams(location.search);
const protocol: Protocol = asked.get("protocol") === "dash" ? "dash" : "hls";
// Comes while the configuration does; the player tells viewers if it does not come at all.
AmiPlayer.preload(protocol).catch((error: unknown) => console.warn("the engine did not come early", error));
const config = (await (await fetch("/config.json")).json()) as PageConfig;
const player = byId<AmiPlayer>("player");
const meter = new DelayMeter();
const dashboard = new EdgeDashboard(byId("edges"), config.edges);

const state = {
  stream: asked.get("stream") ?? config.stream,
  protocol,
  /** URL of one edge, or "auto" for all in order. */
  edge: "auto",
  live: [] as LiveStream[],
};

fillChoices();
fillPublish();
// The video element exists before its stream does, and outlives every engine.
meter.watch(player.video);
dashboard.start();
// Starts before the list has come: the stream asked for is most likely there.
if (state.stream !== undefined) play();
void pollLive();
setInterval(showFigures, figureInterval);

function play(): void {
  const name = state.stream;
  if (name === undefined) return;
  const path = `/live/${encodeURIComponent(name)}/${state.protocol === "hls" ? "index.m3u8" : "index.mpd"}`;
  const edges = state.edge === "auto" ? config.edges.map((edge) => edge.url) : [state.edge];
  const src = edges.map((edge) => new URL(path, edge).href).join(" ");
  if (player.getAttribute("src") === src) return;
  meter.reset();
  player.setAttribute("src", src);
  // Not before there is something to play: their script would keep the engine's waiting.
  player.controls = true;
  showStream();
}

function choose(change: Partial<typeof state>): void {
  Object.assign(state, change);
  // So that reloading and sharing show the same.
  const address = new URL(location.href);
  if (state.stream !== undefined) address.searchParams.set("stream", state.stream);
  address.searchParams.set("protocol", state.protocol);
  history.replaceState(null, "", address);
  play();
  showLive();
}

function fillChoices(): void {
  const fieldset = byId("edge");
  for (const { name, url } of [{ name: "Auto", url: "auto" }, ...config.edges]) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), {
      type: "radio",
      name: "edge",
      value: url,
      checked: url === state.edge,
    });
    const text = document.createElement("span");
    text.textContent = name;
    label.append(input, text);
    fieldset.append(label);
  }
  for (const input of document.querySelectorAll<HTMLInputElement>("input[name=protocol]"))
    input.checked = input.value === state.protocol;
  document.addEventListener("change", (event) => {
    if (!(event.target instanceof HTMLInputElement)) return;
    if (event.target.name === "protocol") choose({ protocol: event.target.value as Protocol });
    if (event.target.name === "edge") choose({ edge: event.target.value });
  });
}

function fillPublish(): void {
  byId("obs-server").textContent = config.rtmp;
  byId("ffmpeg").textContent = [
    "ffmpeg -re -i video.mp4",
    "-c:v libx264 -preset veryfast",
    "-tune zerolatency -g 60",
    "-c:a aac -f flv",
    `${config.rtmp}/mine`,
  ].join(" \\\n  ");
  document.addEventListener("click", async (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("[data-copy]");
    if (button === null) return;
    const source = byId(button.dataset.copy ?? "");
    const copied = await copy(source);
    button.textContent = copied ? "Copied" : "Selected";
    byId("announce").textContent = copied ? "Copied to the clipboard" : "Selected: copy it with the keyboard";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 1500);
  });
}

/** Browsers keep the clipboard from pages without TLS, and from those that people do not want to have it. */
async function copy(source: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(source.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(source);
    return false;
  }
}

async function pollLive(): Promise<void> {
  for (const edge of config.edges) {
    try {
      const response = await fetch(new URL("/live.json", edge.url), {
        cache: "no-store",
        signal: AbortSignal.timeout(2000),
      });
      if (!response.ok) continue;
      state.live = ((await response.json()) as { streams: LiveStream[] }).streams;
      if (state.stream === undefined && state.live.length > 0) choose({ stream: state.live[0]!.name });
      break;
    } catch {
      // The dashboard shows that this edge does not answer; the next one knows the same.
    }
  }
  showLive();
  setTimeout(pollLive, livePollInterval);
}

function showLive(): void {
  const list = byId("live");
  if (state.live.length === 0) {
    list.innerHTML = '<li class="quiet">Nothing is live.</li>';
  } else {
    list.replaceChildren(...state.live.map(liveItem));
  }
  showStream();
}

function liveItem(stream: LiveStream): HTMLElement {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.setAttribute("aria-current", String(stream.name === state.stream));
  button.innerHTML = '<span class="dot" aria-hidden="true"></span><span class="name"></span><span class="what"></span>';
  button.querySelector(".name")!.textContent = stream.name;
  button.querySelector(".what")!.textContent = stream.startedAt === undefined ? "" : since(stream.startedAt);
  button.addEventListener("click", () => choose({ stream: stream.name }));
  item.append(button);
  return item;
}

function showStream(): void {
  const stream = state.live.find(({ name }) => name === state.stream);
  byId("title").textContent = state.stream ?? "Nothing is live";
  document.body.classList.toggle("empty", state.stream === undefined);
  byId("subtitle").textContent =
    stream?.description ?? (state.stream === undefined ? "Publish something, and it is shown here." : "Not on air.");
}

function showFigures(): void {
  const { stats } = player;
  if (stats === null) return;
  const measured = meter.readable;
  const last = measured ? meter.samples.at(-1)?.delay : stats.latency;
  const shown = stats.state === "playing" || measured;
  document.querySelector(".delay")?.classList.toggle("off", !shown);
  byId("delay-label").textContent =
    measured || !shown ? "Glass to glass, read from the picture" : "Behind the live edge, says the player";
  byId("delay").textContent = shown ? seconds(last) : "–";
  byId("delay-unit").hidden = byId("delay").textContent === "–";
  byId("delay-p50").textContent = withUnit(measured ? meter.percentile(0.5) : undefined);
  byId("delay-p95").textContent = withUnit(measured ? meter.percentile(0.95) : undefined);
  byId("buffer").textContent = withUnit(shown ? stats.bufferAhead : undefined);
  byId("quality").textContent =
    stats.height === 0
      ? "–"
      : `${stats.height}p${stats.bitrate === null ? "" : ` · ${(stats.bitrate / 1e6).toFixed(1)} Mb/s`}`;
  byId("dropped").textContent =
    stats.totalFrames === 0 ? "–" : `${stats.droppedFrames} of ${stats.totalFrames.toLocaleString("en")}`;
  byId("startup").textContent = stats.startupTime === null ? "–" : `${Math.round(stats.startupTime * 1000)} ms`;
  drawChart(byId<HTMLCanvasElement>("chart"), measured ? meter.samples : []);
  dashboard.markWatching(shown ? stats.source : null);
}

function withUnit(value: number | null | undefined): string {
  const text = seconds(value);
  return text === "–" ? text : `${text} s`;
}

function seconds(value: number | null | undefined): string {
  return value === undefined || value === null || !Number.isFinite(value) ? "–" : value.toFixed(2);
}

function since(startedAt: string): string {
  const minutes = Math.floor((Date.now() - Date.parse(startedAt)) / 60_000);
  if (minutes < 1) return "just started";
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
