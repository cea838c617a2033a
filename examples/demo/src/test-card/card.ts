/** The picture of the test card: what stands still is painted once, and each frame repaints only what moves. */

import { writeTimeCode } from "@ami-streams/example-client/time-code";
import { Canvas, type Colour, colour, type TextStyle } from "./canvas.ts";
import { BEEP_MILLISECONDS } from "./sound.ts";

/** What a card shows. */
export interface CardOptions {
  /** Pixels, even. */
  readonly width: number;
  /** Pixels, even. */
  readonly height: number;
  readonly frameRate: number;
  /** One line about the stream, capitals. */
  readonly caption: string;
}

const night = colour("#0b1120");
const panel = colour("#141c30");
const line = colour("#243049");
const faint = colour("#7c8aa5");
const plain = colour("#e8edf6");
const accent = colour("#38bdf8");
const warm = colour("#f59e0b");

/** 75 % bars: white, yellow, cyan, green, magenta, red, blue (SMPTE EG 1). */
const bars = ["#bfbfbf", "#bfbf00", "#00bfbf", "#00bf00", "#bf00bf", "#bf0000", "#0000bf"].map(colour);

/** The layout's own size; others are scaled. */
const design = { width: 1280, height: 720 };

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A test card. */
export class Card {
  /** Valid until the next call of {@link paint}. */
  readonly canvas: Canvas;
  readonly #still: Canvas;
  readonly #options: CardOptions;
  readonly #scale: number;
  readonly #left: number;
  /** Pixels of the seconds ring that light up at each frame of a second. */
  readonly #sweep: { x: number; y: number; cover: number }[][];
  readonly #shown = new Map<string, string>();
  #phase = -1;
  #block: Box | undefined;
  #lit = false;

  constructor(options: CardOptions) {
    this.#options = options;
    const { width, height } = options;
    this.#scale = Math.min(width / design.width, height / design.height);
    this.#left = (width - design.width * this.#scale) / 2;
    this.#still = new Canvas(width, height);
    this.#paintStill();
    this.canvas = new Canvas(width, height);
    this.canvas.bytes.set(this.#still.bytes);
    this.#sweep = this.#planSweep();
  }

  /**
   * Paints one frame.
   *
   * @param frame - its number since the start.
   * @param milliseconds - the time it shows, since the Unix epoch.
   */
  paint(frame: number, milliseconds: number): void {
    const { width, height } = this.#options;
    const time = new Date(milliseconds).toISOString();
    const withinSecond = milliseconds % 1000;
    this.#text("clock", time.slice(11, 19), 378, 330, this.#style(112, 13, plain));
    this.#text("fraction", time.slice(19, 23), 1004, 330, this.#style(56, 7.5, accent));
    this.#text("frame", `FRAME ${String(frame).padStart(8, "0")}`, 378, 424, this.#style(22, 3, faint));
    this.#paintSweep(withinSecond);
    this.#paintSecond(time.slice(17, 19));
    this.#paintBlock(milliseconds);
    this.#paintLamp(withinSecond < BEEP_MILLISECONDS);
    writeTimeCode(this.canvas.luma, { width, height }, milliseconds);
  }

  #paintStill(): void {
    const { width, height, frameRate, caption } = this.#options;
    const still = this.#still;
    still.fill(0, 0, width, height, night);
    for (let x = 0; x <= design.width; x += 40) this.#fill(still, x, 0, 1, design.height, panel);
    for (let y = 0; y <= design.height; y += 40) this.#fill(still, 0, y, design.width, 1, panel);
    // The code's rows, and as much below, stay neutral: scaling must not bleed colour into them.
    still.fill(0, 0, width, Math.ceil(height / 16), colour("#000000"));
    // Corner marks show whether anything was cut off.
    for (const [x, y, dx, dy] of [
      [0, 48, 1, 1],
      [1279, 48, -1, 1],
      [0, 719, 1, -1],
      [1279, 719, -1, -1],
    ] as const) {
      this.#fill(still, Math.min(x, x + dx * 28), Math.min(y, y + dy * 4), 28, 4, faint);
      this.#fill(still, Math.min(x, x + dx * 4), Math.min(y, y + dy * 28), 4, 28, faint);
    }
    const end = this.#draw(still, "AMI", 64, 130, this.#style(44, 9, accent));
    this.#draw(still, "Streams", (end - this.#left) / this.#scale + 14, 130, this.#style(44, 5, plain));
    const format = `${width}×${height} · ${Number(frameRate.toFixed(2))} F/S`;
    const style = this.#style(20, 3, faint);
    this.#draw(still, format, 1216 - still.measure(format, style) / this.#scale, 106, style);
    this.#draw(still, caption, 1216 - still.measure(caption, style) / this.#scale, 138, style);

    this.#fill(still, 340, 176, 876, 272, line);
    this.#fill(still, 342, 178, 872, 268, panel);
    this.#fill(still, 342, 382, 872, 2, line);
    this.#draw(still, "UTC", 1140, 424, this.#style(22, 3, faint));
    still.ring(this.#x(196), this.#y(312), this.#s(104), this.#s(126), line);
    for (let tick = 0; tick < 60; tick += 1) {
      const angle = (tick / 60) * 2 * Math.PI;
      const size = tick % 5 === 0 ? 6 : 3;
      this.#fill(
        still,
        196 + 94 * Math.sin(angle) - size / 2,
        312 - 94 * Math.cos(angle) - size / 2,
        size,
        size,
        tick % 5 === 0 ? plain : faint,
      );
    }
    this.#fill(still, 1180, 486, 36, 36, line);
    this.#fill(still, 1182, 488, 32, 32, panel);
    this.#draw(still, "1 kHz", 1090, 512, this.#style(20, 3, faint));
    this.#draw(still, "MOTION", 64, 512, this.#style(20, 3, faint));
    this.#fill(still, 190, 503, 780, 2, line);
    for (let mark = 0; mark <= 10; mark += 1) this.#fill(still, 190 + mark * 78, 496, 2, 16, line);

    for (const [index, bar] of bars.entries()) this.#fill(still, 64 + (index * 1152) / 7, 548, 1152 / 7, 88, bar);
    for (let step = 0; step < 16; step += 1) {
      this.#fill(still, 64 + step * 72, 640, 72, 36, { y: Math.round(16 + (219 * step) / 15), u: 128, v: 128 });
    }
  }

  /** Repaints those characters that changed. All of them are equally wide, but for the ones between numbers, which never change. */
  #text(name: string, text: string, x: number, baseline: number, style: TextStyle): void {
    const before = this.#shown.get(name) ?? "";
    if (before === text) return;
    this.#shown.set(name, text);
    let pen = this.#x(x);
    for (const [index, character] of [...text].entries()) {
      const advance = this.canvas.measure(character, style);
      if (before[index] !== character) {
        const pad = style.weight;
        this.#restore(pen - pad, this.#y(baseline) - style.size - pad, advance + pad, style.size + 2 * pad);
        this.canvas.text(character, pen, this.#y(baseline), style);
      }
      pen += advance;
    }
  }

  #planSweep(): { x: number; y: number; cover: number }[][] {
    const steps = Math.max(1, Math.round(this.#options.frameRate));
    const plan: { x: number; y: number; cover: number }[][] = Array.from({ length: steps }, () => []);
    const [cx, cy, inner, outer] = [this.#x(196), this.#y(312), this.#s(107), this.#s(123)];
    for (let y = Math.floor(cy - outer); y <= cy + outer; y += 1) {
      for (let x = Math.floor(cx - outer); x <= cx + outer; x += 1) {
        const distance = Math.hypot(x + 0.5 - cx, y + 0.5 - cy);
        const cover = Math.min(1, outer + 0.5 - distance, distance - inner + 0.5);
        if (cover <= 0) continue;
        const turn = (Math.atan2(x + 0.5 - cx, cy - y - 0.5) / (2 * Math.PI) + 1) % 1;
        plan[Math.min(steps - 1, Math.floor(turn * steps))]!.push({ x, y, cover: Math.round(cover * 255) });
      }
    }
    return plan;
  }

  /** The ring fills once a second. */
  #paintSweep(withinSecond: number): void {
    const phase = Math.min(this.#sweep.length - 1, Math.floor((withinSecond * this.#sweep.length) / 1000));
    if (phase < this.#phase) {
      const size = this.#s(264);
      this.#restore(this.#x(196) - size / 2, this.#y(312) - size / 2, size, size);
      this.#shown.delete("second");
      this.#phase = -1;
    }
    while (this.#phase < phase) {
      this.#phase += 1;
      for (const { x, y, cover } of this.#sweep[this.#phase]!) this.canvas.blend(x, y, cover, accent);
    }
  }

  #paintSecond(second: string): void {
    const style = this.#style(72, 10, plain);
    const width = this.canvas.measure(second, style) - this.#s(18);
    this.#text("second", second, 196 - width / this.#scale / 2, 348, style);
  }

  /** Goes to and fro in four seconds, at one speed. */
  #paintBlock(milliseconds: number): void {
    if (this.#block !== undefined) this.#restore(this.#block.x, this.#block.y, this.#block.width, this.#block.height);
    const way = (milliseconds % 4000) / 2000;
    const x = this.#x(190 + 750 * (way < 1 ? way : 2 - way));
    this.#block = { x, y: this.#y(486), width: this.#s(32), height: this.#s(36) };
    this.canvas.fill(x, this.#block.y, this.#block.width, this.#block.height, warm);
  }

  /** Lit while it beeps, so that eyes and ears can compare. */
  #paintLamp(lit: boolean): void {
    if (lit === this.#lit) return;
    this.#lit = lit;
    if (lit) this.#fill(this.canvas, 1180, 486, 36, 36, plain);
    else this.#restore(this.#x(1180), this.#y(486), this.#s(36), this.#s(36));
  }

  #restore(x: number, y: number, width: number, height: number): void {
    const left = Math.max(0, Math.floor(x / 2) * 2);
    const top = Math.max(0, Math.floor(y / 2) * 2);
    const right = Math.min(this.canvas.width, Math.ceil((x + width) / 2) * 2 + 2);
    const bottom = Math.min(this.canvas.height, Math.ceil((y + height) / 2) * 2 + 2);
    this.canvas.restore(this.#still, left, top, right - left, bottom - top);
  }

  #fill(canvas: Canvas, x: number, y: number, width: number, height: number, paint: Colour): void {
    canvas.fill(this.#x(x), this.#y(y), Math.max(1, this.#s(width)), Math.max(1, this.#s(height)), paint);
  }

  #draw(canvas: Canvas, text: string, x: number, baseline: number, style: TextStyle): number {
    return canvas.text(text, this.#x(x), this.#y(baseline), style);
  }

  #style(size: number, weight: number, paint: Colour): TextStyle {
    return { size: this.#s(size), weight: Math.max(1, this.#s(weight)), colour: paint };
  }

  #x(x: number): number {
    return this.#left + x * this.#scale;
  }

  #y(y: number): number {
    return y * this.#scale;
  }

  #s(length: number): number {
    return length * this.#scale;
  }
}
