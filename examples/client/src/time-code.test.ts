import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readTimeCode, TIME_CODE_BLOCKS, timeCodeBlocks, timeCodeRows, writeTimeCode } from "./time-code.ts";

const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });

/** A picture of noise with a code on top. */
function coded(width: number, height: number, milliseconds: number, stride = width): Uint8Array {
  const luma = new Uint8Array(stride * height).map((_, index) => (index * 7919) % 251);
  writeTimeCode(luma, { width, height, stride }, milliseconds);
  return luma;
}

/** Averages the area of each target pixel. */
function scale(luma: Uint8Array, from: { width: number; height: number }, to: { width: number; height: number }) {
  const scaled = new Uint8Array(to.width * to.height);
  for (let y = 0; y < to.height; y += 1) {
    for (let x = 0; x < to.width; x += 1) {
      let sum = 0;
      let weight = 0;
      const [x0, x1] = [(x * from.width) / to.width, ((x + 1) * from.width) / to.width];
      const [y0, y1] = [(y * from.height) / to.height, ((y + 1) * from.height) / to.height];
      for (let sy = Math.floor(y0); sy < Math.ceil(y1); sy += 1) {
        for (let sx = Math.floor(x0); sx < Math.ceil(x1); sx += 1) {
          const part = (Math.min(sx + 1, x1) - Math.max(sx, x0)) * (Math.min(sy + 1, y1) - Math.max(sy, y0));
          sum += luma[sy * from.width + sx]! * part;
          weight += part;
        }
      }
      scaled[y * to.width + x] = Math.round(sum / weight);
    }
  }
  return scaled;
}

describe("time code", () => {
  test("what is written is read, in any even size from 160 pixels on", () => {
    const side = fc.integer({ min: 80, max: 320 }).map((half) => half * 2);
    fc.assert(
      fc.property(time, side, side, (milliseconds, width, height) => {
        expect(readTimeCode(coded(width, height, milliseconds), width, height)).toBe(milliseconds);
      }),
      { numRuns: 25 },
    );
  });

  test("it survives scaling to any smaller size down to 240 pixels of width", () => {
    fc.assert(
      fc.property(time, fc.integer({ min: 240, max: 480 }), (milliseconds, width) => {
        const from = { width: 640, height: 360 };
        const to = { width, height: Math.round((width * 9) / 16) };
        const scaled = scale(coded(from.width, from.height, milliseconds), from, to);
        expect(readTimeCode(scaled, to.width, to.height)).toBe(milliseconds);
      }),
      { numRuns: 15 },
    );
  });

  test("it survives noise, less contrast and another brightness", () => {
    fc.assert(
      fc.property(
        time,
        fc.integer({ min: 0, max: 60 }),
        fc.double({ min: 0.45, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 60 }),
        fc.infiniteStream(fc.integer({ min: -1, max: 1 })),
        (milliseconds, amplitude, contrast, lift, noise) => {
          const [width, height] = [480, 270];
          const luma = coded(width, height, milliseconds);
          for (let index = 0; index < width * timeCodeRows(height); index += 1) {
            const step: number = index < 4000 ? (noise.next().value ?? 0) : ((index * 31) % 3) - 1;
            luma[index] = Math.max(0, Math.min(255, luma[index]! * contrast + lift + step * amplitude));
          }
          expect(readTimeCode(luma, width, height)).toBe(milliseconds);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("RGBA is read as luma is", () => {
    const [width, height, milliseconds] = [320, 180, 1_763_832_047_967];
    const luma = coded(width, height, milliseconds);
    const rgba = new Uint8ClampedArray(width * height * 4);
    for (const [index, value] of luma.entries()) rgba.set([value, value, value, 255], index * 4);
    expect(readTimeCode(rgba, width, height)).toBe(milliseconds);
  });

  test("rows may have padding when it is written", () => {
    const luma = coded(320, 180, 42, 384);
    const packed = new Uint8Array(320 * 180);
    for (let row = 0; row < 180; row += 1) packed.set(luma.subarray(row * 384, row * 384 + 320), row * 320);
    expect(readTimeCode(packed, 320, 180)).toBe(42);
  });

  test("any two blocks read wrongly give no time at all", () => {
    const block = fc.integer({ min: 12, max: TIME_CODE_BLOCKS - 5 });
    fc.assert(
      fc.property(time, fc.uniqueArray(block, { minLength: 1, maxLength: 2 }), (milliseconds, wrong) => {
        const [width, height] = [480, 270];
        const luma = coded(width, height, milliseconds);
        const blocks = timeCodeBlocks(milliseconds);
        for (const index of wrong) {
          for (let row = 0; row < timeCodeRows(height); row += 1) {
            luma.fill(blocks[index] === 1 ? 16 : 235, row * width + index * 6, row * width + index * 6 + 6);
          }
        }
        expect(readTimeCode(luma, width, height)).toBeNull();
      }),
      { numRuns: 20 },
    );
  });

  test("pictures without a code have none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 320 * 20, maxLength: 320 * 20 }), (noise) => {
        const luma = new Uint8Array(320 * 180);
        luma.set(noise);
        expect(readTimeCode(luma, 320, 180)).toBeNull();
      }),
      { numRuns: 50 },
    );
    for (const grey of [0, 16, 128, 235, 255]) {
      expect(readTimeCode(new Uint8Array(320 * 180).fill(grey), 320, 180)).toBeNull();
    }
    expect(readTimeCode(new Uint8Array(0), 320, 180)).toBeNull();
    expect(readTimeCode(new Uint8Array(40 * 40), 40, 40)).toBeNull();
  });

  test.each([-1, 0.5, 2 ** 48, Number.NaN])("%s is no time", (milliseconds) => {
    expect(() => timeCodeBlocks(milliseconds)).toThrow(RangeError);
  });
});
