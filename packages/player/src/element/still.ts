/** Keeps the last picture on the screen while the media source is changed underneath. */

/** Draws the picture of `video` on `still` and shows it. Nothing happens when there is no picture. */
export function keepPicture(video: HTMLVideoElement, still: HTMLCanvasElement): void {
  if (video.videoWidth === 0 || video.readyState < video.HAVE_CURRENT_DATA) return;
  still.width = video.videoWidth;
  still.height = video.videoHeight;
  still.getContext("2d")?.drawImage(video, 0, 0);
  still.hidden = false;
}

/** Hides it and frees its pixels. */
export function releasePicture(still: HTMLCanvasElement): void {
  still.hidden = true;
  still.width = 0;
  still.height = 0;
}
