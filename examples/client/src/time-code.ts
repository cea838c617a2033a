/**
 * A wall-clock time as a row of black and white blocks along the top of a picture, made to be read back by a program after scaling and heavy compression.
 * Runs in browsers too.
 *
 * 80 blocks over the whole width, 2/45 of the height (16 x 32 pixels at 1280x720):
 * 4 black, 8 sync `10101100`, 48 milliseconds since the Unix epoch, 16 CRC of those, 4 black; bits from high to low, white is 1.
 */

/** Blocks over the width of the picture. */
export const TIME_CODE_BLOCKS = 80;

/** Share of the picture's height. */
export const TIME_CODE_HEIGHT = 2 / 45;

const margin = 4;
const sync = [1, 0, 1, 0, 1, 1, 0, 0];
const timeBits = 48;
const crcBits = 16;
const dataStart = margin + sync.length;

/** Luma of the blocks, in the limited range of video. */
const black = 16;
const white = 235;

/** The least difference between black and white that counts as a code, of 255. */
const minContrast = 40;

/** Rows of pixels that the code covers. */
export function timeCodeRows(height: number): number {
  return Math.max(1, Math.round(height * TIME_CODE_HEIGHT));
}

/**
 * The blocks of a time, 1 for white.
 *
 * @param milliseconds - since the Unix epoch, an integer from 0 below 2^48.
 * @throws RangeError for another number.
 */
export function timeCodeBlocks(milliseconds: number): Uint8Array {
  if (!Number.isInteger(milliseconds) || milliseconds < 0 || milliseconds >= 2 ** timeBits) {
    throw new RangeError(`${milliseconds} is no time code: it must be an integer from 0 below 2^48`);
  }
  const blocks = new Uint8Array(TIME_CODE_BLOCKS);
  blocks.set(sync, margin);
  writeBits(blocks, dataStart, milliseconds, timeBits);
  writeBits(blocks, dataStart + timeBits, crc16(milliseconds), crcBits);
  return blocks;
}

/**
 * Draws the code over the top of a picture's luma plane. Chroma there must be neutral.
 *
 * @param stride - bytes from one row to the next. Default `width`.
 */
export function writeTimeCode(
  luma: Uint8Array,
  { width, height, stride = width }: { width: number; height: number; stride?: number },
  milliseconds: number,
): void {
  const blocks = timeCodeBlocks(milliseconds);
  for (const [index, bit] of blocks.entries()) {
    const from = Math.round((index * width) / TIME_CODE_BLOCKS);
    const to = Math.round(((index + 1) * width) / TIME_CODE_BLOCKS);
    luma.fill(bit === 1 ? white : black, from, to);
  }
  const rows = timeCodeRows(height);
  for (let row = 1; row < rows; row += 1) luma.copyWithin(row * stride, 0, width);
}

/**
 * Reads the code from a whole picture of any size.
 *
 * @param pixels - RGBA, as canvases give it, or luma alone: 4 or 1 bytes for each pixel, without padding.
 * @returns milliseconds since the Unix epoch, or null where there is no code, or one that is damaged.
 */
export function readTimeCode(pixels: Uint8Array | Uint8ClampedArray, width: number, height: number): number | null {
  const step = pixels.length >= width * height * 4 ? 4 : 1;
  if (width < TIME_CODE_BLOCKS || pixels.length < width * height * step) return null;
  const levels = readLevels(pixels, width, height, step);
  // Sync says what black and white have become on the way.
  let dark = 0;
  let light = 0;
  for (const [index, bit] of sync.entries()) {
    if (bit === 1) light += levels[margin + index]! / 4;
    else dark += levels[margin + index]! / 4;
  }
  if (light - dark < minContrast) return null;
  const threshold = (dark + light) / 2;
  for (const [index, bit] of sync.entries()) {
    if (levels[margin + index]! > threshold !== (bit === 1)) return null;
  }
  const milliseconds = readBits(levels, dataStart, timeBits, threshold);
  return readBits(levels, dataStart + timeBits, crcBits, threshold) === crc16(milliseconds) ? milliseconds : null;
}

/** Mean brightness of the middle of each block, where neither scaling nor filters reach. */
function readLevels(pixels: Uint8Array | Uint8ClampedArray, width: number, height: number, step: number): Float64Array {
  const levels = new Float64Array(TIME_CODE_BLOCKS);
  const rows = height * TIME_CODE_HEIGHT;
  const top = Math.floor(rows * 0.25);
  const bottom = Math.max(top + 1, Math.ceil(rows * 0.75));
  const blockWidth = width / TIME_CODE_BLOCKS;
  for (let index = 0; index < TIME_CODE_BLOCKS; index += 1) {
    const left = Math.floor((index + 0.3) * blockWidth);
    const right = Math.max(left + 1, Math.ceil((index + 0.7) * blockWidth));
    let sum = 0;
    for (let y = top; y < bottom; y += 1) {
      for (let x = left; x < right; x += 1) {
        const at = (y * width + x) * step;
        // Of a grey picture any channel is its brightness; green carries most of it where compression coloured it.
        sum += step === 4 ? pixels[at + 1]! : pixels[at]!;
      }
    }
    levels[index] = sum / ((bottom - top) * (right - left));
  }
  return levels;
}

function writeBits(blocks: Uint8Array, start: number, value: number, count: number): void {
  let rest = value;
  for (let bit = count - 1; bit >= 0; bit -= 1) {
    blocks[start + bit] = rest % 2;
    rest = Math.floor(rest / 2);
  }
}

function readBits(levels: Float64Array, start: number, count: number, threshold: number): number {
  let value = 0;
  for (let bit = 0; bit < count; bit += 1) value = value * 2 + (levels[start + bit]! > threshold ? 1 : 0);
  return value;
}

/** CRC-16/CCITT-FALSE of the time's six bytes, so that a code of all black or all white is no time. */
function crc16(milliseconds: number): number {
  let crc = 0xffff;
  for (let byte = 5; byte >= 0; byte -= 1) {
    crc ^= (Math.floor(milliseconds / 256 ** byte) % 256) << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}
