/** Reads the time code out of the picture and keeps the last minute of delays. */

import { readTimeCode } from "../time-code.ts";

/** The code is found at any scale; this one keeps reading a frame under a millisecond. */
const sampleWidth = 320;
const sampleHeight = 180;
/** Milliseconds of history that the figures and the chart cover. */
const historyLength = 60_000;
/** Milliseconds between two samples: enough for a chart, little work for the page. */
const sampleInterval = 100;

export interface DelaySample {
  /** `performance.now()` when it was taken. */
  readonly at: number;
  /** Seconds between painting at the source and showing here. */
  readonly delay: number;
}

declare global {
  interface WindowEventMap {
    /** Seconds of one reading, for whoever records them. */
    delay: CustomEvent<number>;
  }
}

/** Glass-to-glass delay of a video that shows a test card. */
export class DelayMeter {
  readonly #samples: DelaySample[] = [];
  readonly #context: OffscreenCanvasRenderingContext2D;
  #video: HTMLVideoElement | undefined;
  #handle = 0;
  #lastSampleAt = Number.NEGATIVE_INFINITY;
  #misses = 0;

  constructor() {
    const context = new OffscreenCanvas(sampleWidth, sampleHeight).getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("this browser has no 2D canvas");
    this.#context = context;
  }

  /** Starts with this video, forgetting the last one. */
  watch(video: HTMLVideoElement): void {
    this.#video?.cancelVideoFrameCallback(this.#handle);
    this.reset();
    this.#video = video;
    this.#next();
  }

  reset(): void {
    this.#samples.length = 0;
    this.#misses = 0;
  }

  /** The picture shows a code that can be read. */
  get readable(): boolean {
    return this.#samples.length > 0 && this.#misses < 30;
  }

  get samples(): readonly DelaySample[] {
    return this.#samples;
  }

  /** Seconds below which the given share of the last minute's samples lie. */
  percentile(share: number): number | undefined {
    const sorted = this.#samples.map((sample) => sample.delay).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  }

  #next(): void {
    const video = this.#video;
    if (video === undefined) return;
    this.#handle = video.requestVideoFrameCallback((now, metadata) => {
      if (now - this.#lastSampleAt >= sampleInterval) {
        this.#lastSampleAt = now;
        this.#sample(video, metadata.expectedDisplayTime);
      }
      this.#next();
    });
  }

  #sample(video: HTMLVideoElement, displayedAt: number): void {
    this.#context.drawImage(video, 0, 0, sampleWidth, sampleHeight);
    const { data } = this.#context.getImageData(0, 0, sampleWidth, sampleHeight);
    const paintedAt = readTimeCode(data, sampleWidth, sampleHeight);
    if (paintedAt === null) {
      this.#misses += 1;
      return;
    }
    this.#misses = 0;
    const delay = (performance.timeOrigin + displayedAt - paintedAt) / 1000;
    this.#samples.push({ at: displayedAt, delay });
    window.dispatchEvent(new CustomEvent("delay", { detail: delay }));
    while (this.#samples.length > 0 && this.#samples[0]!.at < displayedAt - historyLength) this.#samples.shift();
  }
}

/** Draws the last minute as a filled line. */
export function drawChart(canvas: HTMLCanvasElement, samples: readonly DelaySample[]): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
    canvas.width = width * ratio;
    canvas.height = height * ratio;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const last = samples.at(-1);
  if (last === undefined) return;
  const top = Math.max(1, ...samples.map((sample) => sample.delay)) * 1.15;
  const x = (sample: DelaySample) => width - ((last.at - sample.at) / historyLength) * width;
  const y = (delay: number) => height - 1 - (delay / top) * (height - 4);

  context.font = "11px system-ui, sans-serif";
  context.fillStyle = "#8d9bb2";
  context.strokeStyle = "#1d2738";
  for (let seconds = 1; seconds < top; seconds += Math.max(1, Math.ceil(top / 3))) {
    context.beginPath();
    context.moveTo(26, y(seconds));
    context.lineTo(width, y(seconds));
    context.stroke();
    context.fillText(`${seconds} s`, 0, y(seconds) + 4);
  }

  const line = new Path2D();
  for (const [index, sample] of samples.entries()) {
    if (index === 0) line.moveTo(x(sample), y(sample.delay));
    else line.lineTo(x(sample), y(sample.delay));
  }
  const area = new Path2D(line);
  area.lineTo(width, height);
  area.lineTo(x(samples[0]!), height);
  context.fillStyle = "rgb(94 234 212 / 12%)";
  context.fill(area);
  context.strokeStyle = "#5eead4";
  context.lineWidth = 1.5;
  context.stroke(line);
}
