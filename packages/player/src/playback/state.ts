/** What a player is doing, as its viewer sees it. */

/**
 * - `idle`: no source, or not in a document.
 * - `loading`: before the first frame of a source.
 * - `playing`, `paused`, `ended`: as the words say; `ended` is on demand only.
 * - `buffering`: should play, and waits for media.
 * - `waiting`: the stream is offline or over; it is asked for quietly, and playback resumes by itself.
 * - `error`: nothing more will happen without the viewer.
 */
export type PlayerState = "idle" | "loading" | "playing" | "paused" | "buffering" | "waiting" | "ended" | "error";
