/** Starts a video by itself, as far as the browser's autoplay policy lets it. */

/** What became of it. `interrupted`: something else was loaded, or the viewer paused, meanwhile. */
export type AutoplayOutcome = "playing" | "muted" | "refused" | "interrupted";

/** Starts with sound if the browser lets it, else muted; a video that may not start at all keeps its sound. */
export async function startPlaying(video: HTMLVideoElement): Promise<AutoplayOutcome> {
  const first = await tryToPlay(video);
  if (first !== "refused" || video.muted) return first;
  video.muted = true;
  const second = await tryToPlay(video);
  if (second === "playing") return "muted";
  video.muted = false;
  return second;
}

async function tryToPlay(video: HTMLVideoElement): Promise<"playing" | "refused" | "interrupted"> {
  try {
    await video.play();
    return "playing";
  } catch (error) {
    // `AbortError` is an interruption; `NotSupportedError` comes with the element's `error` event, which is listened to.
    if (!(error instanceof DOMException)) throw error;
    return error.name === "NotAllowedError" ? "refused" : "interrupted";
  }
}
