import { svg, type SVGTemplateResult } from "lit";

/** Line icons on a 24-pixel grid, drawn in the colour of the text around them. */
const PATHS = {
  picture: "M4 7h3l1.5-2.5h7L17 7h3v12H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  record: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  check: "M4.5 6.5h8M4.5 12h5M4.5 17.5h5M12.5 15.5l3 3 5.5-7",
  save: "M5 4h11l3 3v13H5zM8.5 4v5h6V4M8 20v-6h8v6",
  copy: "M9 8h10v12H9zM15 8V4H5v12h4",
  close: "M6 6l12 12M18 6L6 18",
  undo: "M8 5 4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11h-3",
  chat: "M21 12a8 8 0 0 1-8 8H4l1.8-3.2A8 8 0 1 1 21 12z",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 14.5a4.2 4.2 0 0 0 7 0M9 9.5h.01M15 9.5h.01",
  reload: "M20 5v5h-5M20 10a8 8 0 1 0 .3 4.5",
  download: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  warning: "M12 4 2.8 19.5h18.4zM12 10v4.5M12 17v.01",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): SVGTemplateResult {
  return svg`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
