/** One continuous time for all tracks of a publication, from message timestamps that wrap, jump and start over. */

import { createTimestampUnwrapper } from "@ami-streams/media";

/** A step forward beyond this, and beyond the wall-clock time that has passed, is a jump. Milliseconds. */
const MAX_FORWARD_STEP = 10_000;

/** A step backward beyond this is a jump; up to it, a disorder that the track's clock repairs. Milliseconds. */
const MAX_BACKWARD_STEP = 300;

/** After a jump, time goes on behind the track that is furthest ahead, if that is no further than this. Milliseconds. */
const MAX_TRACK_SPREAD = 1_000;

/** Assumed distance of packets until two have been seen. Milliseconds. */
const FIRST_STEP = 20;

/** A mapping from message time to continuous time. A jump starts a new one. */
interface Epoch {
  readonly offset: number;
}

interface TrackTime {
  epoch: Epoch;
  /** Continuous time of the last packet. */
  last: number;
  /** Distance of the last two packets. */
  step: number;
  arrivedAt: number;
}

/**
 * Places packets in time. The first one keeps its timestamp.
 *
 * A jump is seen by each track in its own turn, and packets from before it may still come in between: so every track stays with its own epoch
 * while its packets fit there, then tries the newest one, and only then begins another.
 */
export class Timeline {
  readonly #unwrapper = createTimestampUnwrapper(32);
  readonly #tracks = new Map<number, TrackTime>();
  #newest: Epoch = { offset: 0 };
  #rebases = 0;

  /** How many jumps were taken out. */
  get rebases(): number {
    return this.#rebases;
  }

  /**
   * @param trackId - which track.
   * @param timestamp - the message's, 32 bits.
   * @param now - milliseconds of a monotonic clock.
   * @returns continuous milliseconds.
   */
  place(trackId: number, timestamp: number, now: number): number {
    const time = this.#unwrapper.unwrap(timestamp >>> 0);
    const track = this.#tracks.get(trackId);
    if (track === undefined) return this.#addTrack(trackId, time, now);
    if (!fits(track, time + track.epoch.offset, now)) {
      if (!fits(track, time + this.#newest.offset, now)) this.#rebase(track, time);
      track.epoch = this.#newest;
    }
    const placed = time + track.epoch.offset;
    const step = placed - track.last;
    if (step > 0 && step < MAX_TRACK_SPREAD) track.step = step;
    track.last = placed;
    track.arrivedAt = now;
    return placed;
  }

  #addTrack(trackId: number, time: number, now: number): number {
    const track: TrackTime = { epoch: this.#newest, last: 0, step: FIRST_STEP, arrivedAt: now };
    const reference = this.#latest();
    if (reference !== undefined) {
      track.last = reference.last;
      track.arrivedAt = reference.arrivedAt;
      // Tracks may start apart by seconds, in either order, but not by hours.
      const distance = Math.abs(time + track.epoch.offset - reference.last);
      if (distance > MAX_FORWARD_STEP + now - reference.arrivedAt) {
        this.#rebase(track, time);
        track.epoch = this.#newest;
      }
    }
    track.last = time + track.epoch.offset;
    track.arrivedAt = now;
    this.#tracks.set(trackId, track);
    return track.last;
  }

  #rebase(track: TrackTime, time: number): void {
    let target = track.last + track.step;
    for (const other of this.#tracks.values()) {
      const end = other.last + other.step;
      if (end > target && end <= track.last + MAX_TRACK_SPREAD) target = end;
    }
    this.#newest = { offset: target - time };
    this.#rebases += 1;
  }

  #latest(): TrackTime | undefined {
    let latest: TrackTime | undefined;
    for (const track of this.#tracks.values()) {
      if (latest === undefined || track.arrivedAt >= latest.arrivedAt) latest = track;
    }
    return latest;
  }
}

function fits(track: TrackTime, placed: number, now: number): boolean {
  const step = placed - track.last;
  return step >= -MAX_BACKWARD_STEP && step <= MAX_FORWARD_STEP + Math.max(0, now - track.arrivedAt);
}
