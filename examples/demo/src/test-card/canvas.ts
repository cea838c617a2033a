/** A picture in planar YUV 4:2:0, drawn on in the encoder's own format: nothing is converted per frame. */

import { type GlyphBitmap, rasterize } from "./stroke-font.ts";

/** BT.709, limited range. */
export interface Colour {
  readonly y: number;
  readonly u: number;
  readonly v: number;
}

/** @param hex - `#rrggbb`. */
export function colour(hex: string): Colour {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255) as [number, number, number];
  const luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return {
    y: Math.round(16 + 219 * luma),
    u: Math.round(128 + (224 * (b - luma)) / 1.8556),
    v: Math.round(128 + (224 * (r - luma)) / 1.5748),
  };
}

/** How text looks. */
export interface TextStyle {
  /** Height of a capital letter, in pixels. */
  readonly size: number;
  /** Width of strokes, in pixels. */
  readonly weight: number;
  readonly colour: Colour;
}

/** One contiguous I420 picture. */
export class Canvas {
  readonly width: number;
  readonly height: number;
  /** All three planes, one after the other. */
  readonly bytes: Uint8Array;
  readonly luma: Uint8Array;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
  readonly #glyphs = new Map<string, GlyphBitmap>();

  /** @param size - even. */
  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    const pixels = width * height;
    this.bytes = new Uint8Array((pixels * 3) / 2);
    this.luma = this.bytes.subarray(0, pixels);
    this.u = this.bytes.subarray(pixels, pixels + pixels / 4);
    this.v = this.bytes.subarray(pixels + pixels / 4);
    this.fill(0, 0, width, height, colour("#000000"));
  }

  /** Fills a rectangle; chroma snaps to even pixels. */
  fill(x: number, y: number, width: number, height: number, { y: luma, u, v }: Colour): void {
    const left = clamp(Math.round(x), this.width);
    const right = clamp(Math.round(x + width), this.width);
    const top = clamp(Math.round(y), this.height);
    const bottom = clamp(Math.round(y + height), this.height);
    for (let row = top; row < bottom; row += 1) this.luma.fill(luma, row * this.width + left, row * this.width + right);
    const half = this.width / 2;
    for (let row = top >> 1; row < (bottom + 1) >> 1; row += 1) {
      this.u.fill(u, row * half + (left >> 1), row * half + ((right + 1) >> 1));
      this.v.fill(v, row * half + (left >> 1), row * half + ((right + 1) >> 1));
    }
  }

  /** Lays a colour over one pixel of luma and, for even ones, of chroma. `cover` is 0 to 255. */
  blend(x: number, y: number, cover: number, { y: luma, u, v }: Colour): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const at = y * this.width + x;
    this.luma[at] = this.luma[at]! + (((luma - this.luma[at]!) * cover) >> 8);
    if (((x | y) & 1) !== 0) return;
    const chroma = (y >> 1) * (this.width >> 1) + (x >> 1);
    this.u[chroma] = this.u[chroma]! + (((u - this.u[chroma]!) * cover) >> 8);
    this.v[chroma] = this.v[chroma]! + (((v - this.v[chroma]!) * cover) >> 8);
  }

  /** Draws text from its baseline's left end, capitals reaching `size` above. Returns where it ends. */
  text(text: string, x: number, baseline: number, style: TextStyle): number {
    let pen = x;
    for (const character of text) {
      const bitmap = this.#bitmap(character, style);
      const left = Math.round(pen) + bitmap.offset;
      const top = Math.round(baseline - style.size) + bitmap.offset;
      for (let row = 0; row < bitmap.height; row += 1) {
        for (let column = 0; column < bitmap.width; column += 1) {
          const cover = bitmap.coverage[row * bitmap.width + column]!;
          if (cover > 0) this.blend(left + column, top + row, cover, style.colour);
        }
      }
      pen += bitmap.advance;
    }
    return pen;
  }

  /** How far {@link text} would get. */
  measure(text: string, style: TextStyle): number {
    let width = 0;
    for (const character of text) width += this.#bitmap(character, style).advance;
    return width;
  }

  /** A ring, or part of one, with smooth edges. Angles in turns, clockwise from the top. */
  ring(cx: number, cy: number, inner: number, outer: number, paint: Colour, from = 0, to = 1): void {
    for (let y = Math.floor(cy - outer - 1); y <= cy + outer + 1; y += 1) {
      for (let x = Math.floor(cx - outer - 1); x <= cx + outer + 1; x += 1) {
        const dx = x + 0.5 - cx;
        const dy = y + 0.5 - cy;
        const distance = Math.hypot(dx, dy);
        const cover = Math.min(1, outer + 0.5 - distance, distance - inner + 0.5);
        if (cover <= 0) continue;
        const turn = (Math.atan2(dx, -dy) / (2 * Math.PI) + 1) % 1;
        if (turn >= from && turn < to) this.blend(x, y, Math.round(cover * 255), paint);
      }
    }
  }

  /** Copies a rectangle of another canvas of the same size. All sides even. */
  restore(from: Canvas, x: number, y: number, width: number, height: number): void {
    for (let row = y; row < y + height; row += 1) {
      const start = row * this.width + x;
      this.luma.set(from.luma.subarray(start, start + width), start);
    }
    const half = this.width / 2;
    for (let row = y / 2; row < (y + height) / 2; row += 1) {
      const start = row * half + x / 2;
      this.u.set(from.u.subarray(start, start + width / 2), start);
      this.v.set(from.v.subarray(start, start + width / 2), start);
    }
  }

  #bitmap(character: string, { size, weight }: TextStyle): GlyphBitmap {
    const key = `${character} ${size} ${weight}`;
    let bitmap = this.#glyphs.get(key);
    if (bitmap === undefined) {
      bitmap = rasterize(character, size, weight);
      this.#glyphs.set(key, bitmap);
    }
    return bitmap;
  }
}

function clamp(value: number, limit: number): number {
  return Math.max(0, Math.min(limit, value));
}
