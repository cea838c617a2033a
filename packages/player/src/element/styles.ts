/** The look of the player: dark glass over the picture, one accent colour, all of it by custom properties. */

export const styles = `
:host {
  --_accent: var(--ami-accent, #2dd4bf);
  --_live: var(--ami-live, #ff4d5e);
  --_surface: var(--ami-surface, rgb(10 14 20 / 78%));
  --_text: var(--ami-text, #f4f7fb);
  --_muted: var(--ami-text-muted, #b6c0cf);
  --_radius: var(--ami-radius, 12px);
  --_font: var(--ami-font, 500 14px/1.35 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif);
  display: block;
  position: relative;
  aspect-ratio: var(--ami-aspect-ratio, 16 / 9);
  overflow: hidden;
  border-radius: var(--_radius);
  background: var(--ami-background, #05070a);
  color: var(--_text);
  font: var(--_font);
  contain: content;
  container: ami-player / inline-size;
}
:host([hidden]) { display: none; }
:host(:fullscreen) { border-radius: 0; aspect-ratio: auto; width: 100%; height: 100%; }
media-controller { display: block; position: absolute; inset: 0; width: 100%; height: 100%; background: none; }
media-controller:not(:defined) > :not(video, canvas) { display: none; }
video, canvas, .poster { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: var(--ami-object-fit, contain); }
video { background: none; }
canvas, .poster { pointer-events: none; }
[hidden] { display: none !important; }

.overlay {
  position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 10px;
  padding: 24px; text-align: center; pointer-events: none; opacity: 0; visibility: hidden;
  transition: opacity .2s ease, visibility .2s;
}
.overlay[data-shown] { opacity: 1; visibility: visible; }
.overlay[data-veil] { background: radial-gradient(ellipse at center, rgb(8 12 18 / 72%), rgb(5 7 10 / 90%)); }
.overlay[data-late] { transition-delay: .35s; }
.title { font-size: clamp(16px, 4.2cqi, 20px); font-weight: 600; letter-spacing: -.01em; text-wrap: balance; }
.hint { color: var(--_muted); max-width: 42ch; text-wrap: balance; }
.spinner, .beacon { width: 40px; height: 40px; margin-bottom: 4px; }
.spinner { border-radius: 50%; border: 3px solid rgb(255 255 255 / 18%); border-top-color: var(--_accent); animation: spin .9s linear infinite; }
.beacon { display: grid; place-items: center; }
.beacon::before, .beacon::after { content: ""; grid-area: 1 / 1; border-radius: 50%; }
.beacon::before { width: 12px; height: 12px; background: var(--_accent); }
.beacon::after { width: 40px; height: 40px; border: 2px solid var(--_accent); box-sizing: border-box; animation: pulse 1.8s ease-out infinite; }
.alert { width: 40px; height: 40px; margin-bottom: 4px; fill: none; stroke: var(--_live); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
@keyframes spin { to { rotate: 1turn; } }
@keyframes pulse { from { scale: .3; opacity: 1; } to { scale: 1; opacity: 0; } }
@media (prefers-reduced-motion: reduce) {
  .spinner { animation-duration: 3s; }
  .beacon::after { animation: none; opacity: .5; }
}

button {
  pointer-events: auto; font: inherit; font-weight: 600; color: #06110f; background: var(--_accent); border: 0;
  border-radius: 999px; padding: 10px 20px; margin-top: 6px; cursor: pointer; min-height: 44px;
}
button:hover { filter: brightness(1.08); }
button:focus-visible { outline: 3px solid #fff; outline-offset: 2px; }
button.unmute {
  position: absolute; inset-block-start: 12px; inset-inline-end: 12px; margin: 0; display: flex; align-items: center; gap: 8px; z-index: 2;
  padding: 8px 16px 8px 12px; color: var(--_text); background: var(--_surface); backdrop-filter: blur(12px);
}
.unmute svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
`;
