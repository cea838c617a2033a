/** The sound of the test card: a beep at the start of each second, silence between. */

/** Milliseconds from the start of each second. */
export const BEEP_MILLISECONDS = 100;

const frequency = 1000;
const rampMilliseconds = 5;
const loudness = 0.2;

/**
 * Samples of both channels, interleaved.
 *
 * @param start - time of the first sample in samples, on a clock that is 0 at the start of a second.
 */
export function beep(start: number, count: number, sampleRate: number): Float32Array {
  const samples = new Float32Array(count * 2);
  const length = (BEEP_MILLISECONDS * sampleRate) / 1000;
  const ramp = (rampMilliseconds * sampleRate) / 1000;
  for (let index = 0; index < count; index += 1) {
    const at = (start + index) % sampleRate;
    if (at >= length) continue;
    const envelope = Math.min(1, at / ramp, (length - at) / ramp);
    const value = loudness * envelope * Math.sin((2 * Math.PI * frequency * at) / sampleRate);
    samples[index * 2] = value;
    samples[index * 2 + 1] = value;
  }
  return samples;
}
