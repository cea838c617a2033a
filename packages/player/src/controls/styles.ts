/** The look of the controls. */

export const controlStyles = `
media-controller {
  --media-primary-color: var(--_text);
  --media-secondary-color: transparent;
  --media-text-color: var(--_text);
  --media-control-background: transparent;
  --media-control-hover-background: rgb(255 255 255 / 14%);
  --media-control-padding: 9px;
  --media-control-height: 26px;
  --media-button-icon-width: 24px;
  --media-button-icon-height: 24px;
  --media-font-family: inherit;
  --media-font-size: 13px;
  --media-focus-box-shadow: inset 0 0 0 2px #fff;
  --media-range-track-height: 4px;
  --media-range-track-border-radius: 4px;
  --media-range-track-background: rgb(255 255 255 / 26%);
  --media-range-bar-color: var(--_accent);
  --media-range-thumb-background: #fff;
  --media-range-thumb-width: 12px;
  --media-range-thumb-height: 12px;
  --media-menu-background: rgb(14 19 27 / 96%);
  --media-menu-border-radius: 10px;
  --media-menu-item-checked-indicator-display: inline-block;
  --media-menu-item-checked-background: rgb(255 255 255 / 8%);
  --media-menu-item-hover-background: rgb(255 255 255 / 12%);
  --media-live-button-icon-color: var(--_muted);
  --media-live-button-indicator-color: var(--_live);
  --media-tooltip-background-color: rgb(14 19 27 / 96%);
  --media-tooltip-border-radius: 6px;
}
.bar {
  align-self: stretch; box-sizing: border-box; padding: 36px 8px 6px; line-height: 1;
  background: linear-gradient(to top, rgb(4 6 10 / 86%), rgb(4 6 10 / 52%) 55%, transparent);
}
media-control-bar { display: flex; align-items: center; width: 100%; }
media-control-bar > * { border-radius: 8px; }
media-time-range { width: 100%; height: 20px; --media-control-padding: 0 8px; }
media-time-range { --media-control-hover-background: transparent; }
media-volume-range { width: 84px; --media-control-padding: 9px 6px; }
media-volume-range[mediavolumeunavailable] { display: none; }
.spacer { flex: 1; }
.latency { color: var(--_muted); font-size: 12px; font-variant-numeric: tabular-nums; padding-inline: 2px 8px; white-space: nowrap; }
media-live-button { font-weight: 700; letter-spacing: .06em; font-size: 12px; padding: 9px 10px; }
media-controller:not([mediastreamtype="live"]) :is(media-live-button, .latency) { display: none; }
media-controller[mediastreamtype="live"] media-time-display { display: none; }
media-controller[data-veiled] > * { display: none; }
media-controller[data-veiled] > video { display: block; }
media-captions-menu, media-rendition-menu {
  z-index: 3; margin: 0 8px 6px; padding: 6px; box-sizing: border-box; min-width: 136px; line-height: 1.4;
  box-shadow: 0 8px 28px rgb(0 0 0 / 45%); border: 1px solid rgb(255 255 255 / 10%);
}
.big { --media-control-padding: 20px; --media-button-icon-width: 40px; --media-button-icon-height: 40px; --media-control-height: 40px;
  border-radius: 50%; background: var(--_surface); backdrop-filter: blur(12px); }
.big:not([mediapaused]) { display: none; }
media-time-display { font-variant-numeric: tabular-nums; }
media-captions-menu-button:not([mediasubtitleslist]) { display: none; }
media-rendition-menu-button[mediarenditionunavailable] { display: none; }
media-pip-button[mediapipunavailable] { display: none; }
media-fullscreen-button[mediafullscreenunavailable] { display: none; }
@media (prefers-reduced-motion: reduce) {
  media-controller > *, media-control-bar > * { transition: none; }
}
@container ami-player (max-width: 520px) {
  media-volume-range, .latency { display: none; }
  media-controller { --media-control-padding: 10px; }
  .bar { padding-inline: 4px; }
}
`;
