/** Sizes and durations as people write them: `1GiB`, `200 GB`, `500ms`, `10s`. */

const SIZES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, min: 6e4, m: 6e4, h: 36e5, d: 864e5 };
const QUANTITY = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i;

/** A size: bytes as a number, or text with a unit, such as `512MiB` (1024 × 1024) or `200GB` (1000 × 1000 × 1000). Without a unit: bytes. */
export type Size = number | string;
/** A duration: milliseconds as a number, or text with a unit: `500ms`, `10s`, `5min`, `1h`, `7d`. */
export type Duration = number | string;

/** Whole bytes; undefined where the text is no size. */
export function parseSize(text: string): number | undefined {
  const bytes = quantity(text, SIZES, "b");
  return bytes === undefined ? undefined : Math.floor(bytes);
}

/** Milliseconds; undefined where the text is no duration. A bare number is none: nobody can tell seconds from milliseconds. */
export function parseDuration(text: string): number | undefined {
  return quantity(text, DURATIONS, undefined);
}

/** The shortest way to write a size, to a tenth: `1.5 GiB`. */
export function formatSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : Number(value.toFixed(1))} ${units[unit]}`;
}

/** `450 ms`, `10 s`, `2 h 5 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = Math.floor(milliseconds / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

function quantity(text: string, units: Readonly<Record<string, number>>, bare: string | undefined): number | undefined {
  const match = QUANTITY.exec(text.trim());
  if (match === null) return undefined;
  const [, count = "", unit = ""] = match;
  const name = unit === "" ? bare : unit.toLowerCase();
  const factor = name === undefined || !Object.hasOwn(units, name) ? undefined : units[name];
  const value = factor === undefined ? Number.NaN : Number(count) * factor;
  return Number.isFinite(value) && value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}
