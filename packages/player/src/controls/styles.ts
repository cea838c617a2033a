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
.latency { color: var(--_muted); font-size: 12px; font-variant-numeric: tabular-nums; padding: 0 8px 0 2px; white-space: nowrap; }
media-live-button { font-weight: 700; letter-spacing: .06em; font-size: 12px; padding: 9px 10px; }
media-live-button:not([mediastreamtype="live"]), media-controller:not([mediastreamtype="live"]) .latency { display: none; }
media-time-display { font-variant-numeric: tabular-nums; }
media-time-display[mediastreamtype="live"] { display: none; }
media-captions-menu-button:not([mediasubtitleslist]) { display: none; }
media-rendition-menu-button[mediarenditionunavailable] { display: none; }
media-pip-button[mediapipunavailable] { display: none; }
media-fullscreen-button[mediafullscreenunavailable] { display: none; }
@container ami-player (max-width: 520px) {
  media-volume-range, .latency { display: none; }
  media-controller { --media-control-padding: 10px; }
  .bar { padding-inline: 4px; }
}
`;
