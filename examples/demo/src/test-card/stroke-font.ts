/** A small font of round strokes: drawn from lines and arcs at any size, so that the card needs no font file. */

/** A line from one point to another; arcs are made of many. Units: 1 is the height of a capital letter, y grows downward. */
type Line = readonly [x1: number, y1: number, x2: number, y2: number];

/** A letter or digit. */
interface Glyph {
  readonly lines: readonly Line[];
  /** Width of its strokes' box. */
  readonly width: number;
}

const arcSteps = 14;

function arc(cx: number, cy: number, rx: number, ry: number, fromDegrees: number, toDegrees: number): Line[] {
  const at = (step: number): [number, number] => {
    const angle = ((fromDegrees + ((toDegrees - fromDegrees) * step) / arcSteps) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  };
  return Array.from({ length: arcSteps }, (_, step) => [...at(step), ...at(step + 1)] as const);
}

/** Lines through points given as `x y x y …`. */
function path(...points: number[]): Line[] {
  const lines: Line[] = [];
  for (let i = 0; i + 3 < points.length; i += 2)
    lines.push([points[i]!, points[i + 1]!, points[i + 2]!, points[i + 3]!]);
  return lines;
}

function glyph(width: number, ...strokes: Line[][]): Glyph {
  return { width, lines: strokes.flat() };
}

const r = 0.28;

/** Digits share one width, so that a clock does not wobble. */
const glyphs: Record<string, Glyph> = {
  "0": glyph(
    0.56,
    arc(r, 0.28, r, 0.28, 180, 360),
    arc(r, 0.72, r, 0.28, 0, 180),
    path(0, 0.28, 0, 0.72),
    path(0.56, 0.28, 0.56, 0.72),
  ),
  "1": glyph(0.56, path(0.1, 0.2, 0.32, 0, 0.32, 1)),
  "2": glyph(0.56, arc(r, 0.28, r, 0.28, 190, 400), path(0.495, 0.46, 0.02, 1, 0.56, 1)),
  "3": glyph(0.56, arc(0.27, 0.25, 0.25, 0.25, 205, 450), arc(0.27, 0.74, 0.28, 0.26, -90, 155)),
  "4": glyph(0.56, path(0.42, 1, 0.42, 0, 0, 0.7, 0.58, 0.7)),
  "5": glyph(0.56, path(0.5, 0, 0.08, 0, 0.05, 0.45), arc(0.27, 0.68, 0.29, 0.32, 225, 515)),
  "6": glyph(0.56, arc(r, 0.7, r, 0.3, 0, 360), path(0.005, 0.66, 0.06, 0.42, 0.2, 0.15, 0.34, 0)),
  "7": glyph(0.56, path(0, 0, 0.56, 0, 0.18, 1)),
  "8": glyph(0.56, arc(r, 0.24, 0.24, 0.24, 0, 360), arc(r, 0.74, r, 0.26, 0, 360)),
  "9": glyph(0.56, arc(r, 0.3, r, 0.3, 0, 360), path(0.555, 0.34, 0.5, 0.58, 0.36, 0.85, 0.22, 1)),
  ":": glyph(0.12, path(0.06, 0.3, 0.06, 0.31), path(0.06, 0.78, 0.06, 0.79)),
  ".": glyph(0.1, path(0.05, 0.985, 0.05, 0.99)),
  "·": glyph(0.12, path(0.06, 0.55, 0.06, 0.56)),
  "-": glyph(0.34, path(0, 0.55, 0.34, 0.55)),
  "+": glyph(0.5, path(0, 0.55, 0.5, 0.55), path(0.25, 0.3, 0.25, 0.8)),
  "/": glyph(0.4, path(0, 1, 0.4, 0)),
  "×": glyph(0.44, path(0, 0.36, 0.44, 0.8), path(0.44, 0.36, 0, 0.8)),
  " ": glyph(0.24),
  A: glyph(0.7, path(0, 1, 0.35, 0, 0.7, 1), path(0.13, 0.66, 0.57, 0.66)),
  B: glyph(
    0.56,
    path(0, 0, 0, 1),
    path(0, 0, 0.28, 0),
    path(0, 0.48, 0.3, 0.48),
    path(0, 1, 0.28, 1),
    arc(0.28, 0.24, 0.24, 0.24, -90, 90),
    arc(0.28, 0.74, 0.28, 0.26, -90, 90),
  ),
  C: glyph(0.66, arc(0.4, 0.5, 0.4, 0.5, 45, 315)),
  D: glyph(0.64, path(0, 0, 0, 1), path(0, 0, 0.22, 0), path(0, 1, 0.22, 1), arc(0.22, 0.5, 0.42, 0.5, -90, 90)),
  E: glyph(0.5, path(0.5, 0, 0, 0, 0, 1, 0.5, 1), path(0, 0.48, 0.42, 0.48)),
  F: glyph(0.48, path(0.48, 0, 0, 0, 0, 1), path(0, 0.48, 0.4, 0.48)),
  G: glyph(0.7, arc(0.4, 0.5, 0.4, 0.5, 20, 315), path(0.78, 0.67, 0.78, 0.54, 0.48, 0.54)),
  H: glyph(0.6, path(0, 0, 0, 1), path(0.6, 0, 0.6, 1), path(0, 0.48, 0.6, 0.48)),
  I: glyph(0.08, path(0.04, 0, 0.04, 1)),
  J: glyph(0.46, path(0.46, 0, 0.46, 0.76), arc(0.22, 0.76, 0.24, 0.24, 0, 170)),
  K: glyph(0.58, path(0, 0, 0, 1), path(0.54, 0, 0.02, 0.55), path(0.2, 0.38, 0.58, 1)),
  L: glyph(0.48, path(0, 0, 0, 1, 0.48, 1)),
  M: glyph(0.76, path(0, 1, 0, 0, 0.38, 0.64, 0.76, 0, 0.76, 1)),
  N: glyph(0.62, path(0, 1, 0, 0, 0.62, 1, 0.62, 0)),
  O: glyph(0.8, arc(0.4, 0.5, 0.4, 0.5, 0, 360)),
  P: glyph(0.56, path(0, 1, 0, 0, 0.28, 0), path(0, 0.54, 0.28, 0.54), arc(0.28, 0.27, 0.28, 0.27, -90, 90)),
  Q: glyph(0.8, arc(0.4, 0.5, 0.4, 0.5, 0, 360), path(0.52, 0.72, 0.78, 1.02)),
  R: glyph(
    0.58,
    path(0, 1, 0, 0, 0.28, 0),
    path(0, 0.52, 0.28, 0.52),
    arc(0.28, 0.26, 0.27, 0.26, -90, 90),
    path(0.28, 0.52, 0.58, 1),
  ),
  S: glyph(0.54, arc(0.27, 0.25, 0.25, 0.25, 330, 90), arc(0.27, 0.75, 0.27, 0.25, 270, 510)),
  T: glyph(0.58, path(0, 0, 0.58, 0), path(0.29, 0, 0.29, 1)),
  U: glyph(0.6, path(0, 0, 0, 0.7), path(0.6, 0, 0.6, 0.7), arc(0.3, 0.7, 0.3, 0.3, 0, 180)),
  V: glyph(0.66, path(0, 0, 0.33, 1, 0.66, 0)),
  W: glyph(0.96, path(0, 0, 0.24, 1, 0.48, 0.12, 0.72, 1, 0.96, 0)),
  X: glyph(0.6, path(0, 0, 0.6, 1), path(0.6, 0, 0, 1)),
  Y: glyph(0.6, path(0, 0, 0.3, 0.48, 0.6, 0), path(0.3, 0.48, 0.3, 1)),
  Z: glyph(0.56, path(0, 0, 0.56, 0, 0, 1, 0.56, 1)),
  a: glyph(0.52, arc(0.26, 0.67, 0.26, 0.33, 0, 360), path(0.52, 0.36, 0.52, 1)),
  b: glyph(0.52, arc(0.26, 0.67, 0.26, 0.33, 0, 360), path(0, 0, 0, 1)),
  e: glyph(0.52, arc(0.26, 0.67, 0.26, 0.33, 45, 360), path(0, 0.67, 0.52, 0.67)),
  f: glyph(0.36, arc(0.32, 0.2, 0.2, 0.2, 180, 285), path(0.12, 0.2, 0.12, 1), path(0, 0.38, 0.32, 0.38)),
  k: glyph(0.46, path(0, 0, 0, 1), path(0.42, 0.36, 0.02, 0.72), path(0.16, 0.6, 0.46, 1)),
  m: glyph(
    0.8,
    path(0, 0.36, 0, 1),
    arc(0.2, 0.56, 0.2, 0.22, 180, 360),
    path(0.4, 0.56, 0.4, 1),
    arc(0.6, 0.56, 0.2, 0.22, 180, 360),
    path(0.8, 0.56, 0.8, 1),
  ),
  p: glyph(0.52, arc(0.26, 0.67, 0.26, 0.33, 0, 360), path(0, 0.36, 0, 1.32)),
  r: glyph(0.3, path(0, 0.36, 0, 1), arc(0.26, 0.6, 0.26, 0.25, 180, 285)),
  s: glyph(0.4, arc(0.2, 0.505, 0.185, 0.165, 330, 90), arc(0.2, 0.835, 0.2, 0.165, 270, 510)),
  t: glyph(0.34, path(0.12, 0.08, 0.12, 0.82), arc(0.3, 0.82, 0.18, 0.18, 180, 75), path(0, 0.36, 0.32, 0.36)),
  z: glyph(0.4, path(0, 0.36, 0.4, 0.36, 0, 1, 0.4, 1)),
};

/** What the font has for a character; a blank for one it lacks. */
function glyphOf(character: string): Glyph {
  return glyphs[character] ?? glyphs[" "]!;
}

/** A glyph as coverage, 0 to 255, ready to be laid over a picture. */
export interface GlyphBitmap {
  readonly width: number;
  readonly height: number;
  /** From the pen's position to the bitmap's left and top edge. */
  readonly offset: number;
  /** To the next glyph. */
  readonly advance: number;
  readonly coverage: Uint8Array;
}

/** Draws a glyph with smooth edges. `weight` is the width of its strokes, `size` the height of a capital letter, in pixels. */
export function rasterize(character: string, size: number, weight: number): GlyphBitmap {
  const { lines, width: units } = glyphOf(character);
  const pad = Math.ceil(weight / 2 + 1);
  const width = Math.ceil(units * size) + 2 * pad;
  const height = Math.ceil(size * 1.34) + 2 * pad;
  const coverage = new Uint8Array(width * height);
  for (const [x1, y1, x2, y2] of lines) {
    const ax = x1 * size + pad;
    const ay = y1 * size + pad;
    const dx = (x2 - x1) * size;
    const dy = (y2 - y1) * size;
    const lengthSquared = Math.max(dx * dx + dy * dy, 1e-9);
    const reach = weight / 2 + 1;
    const top = Math.max(0, Math.floor(Math.min(ay, ay + dy) - reach));
    const bottom = Math.min(height - 1, Math.ceil(Math.max(ay, ay + dy) + reach));
    const left = Math.max(0, Math.floor(Math.min(ax, ax + dx) - reach));
    const right = Math.min(width - 1, Math.ceil(Math.max(ax, ax + dx) + reach));
    for (let y = top; y <= bottom; y += 1) {
      for (let x = left; x <= right; x += 1) {
        const px = x + 0.5 - ax;
        const py = y + 0.5 - ay;
        const along = Math.min(1, Math.max(0, (px * dx + py * dy) / lengthSquared));
        const distance = Math.hypot(px - along * dx, py - along * dy);
        const cover = Math.min(255, Math.max(0, Math.round((weight / 2 + 0.5 - distance) * 255)));
        const at = y * width + x;
        if (cover > coverage[at]!) coverage[at] = cover;
      }
    }
  }
  return { width, height, offset: -pad, advance: units * size + size * 0.18 + weight * 0.5, coverage };
}
