/** Tells when a video shows its first frame. */

/** Calls back once, when a frame is presented, or when sound plays without any picture. */
export function observeFirstFrame(video: HTMLVideoElement, signal: AbortSignal, callback: () => void): void {
  let done = false;
  const finish = () => {
    if (done || signal.aborted) return;
    done = true;
    callback();
  };
  // Every browser of 2024 and later has the callback; an older one counts `loadeddata` as the first frame.
  if ("requestVideoFrameCallback" in video) {
    const handle = video.requestVideoFrameCallback(finish);
    signal.addEventListener("abort", () => video.cancelVideoFrameCallback(handle), { once: true });
    video.addEventListener("playing", () => video.videoWidth === 0 && finish(), { signal });
  } else {
    (video as HTMLVideoElement).addEventListener("loadeddata", finish, { once: true, signal });
  }
}
