import { svg, type SVGTemplateResult } from "lit";

/** Icons on a 24-pixel grid, in the colour of the text around them. */
const PATHS = {
  play: "M7.5 4.8v14.4L19 12z",
  pause: "M7 5h3v14H7zM14 5h3v14h-3z",
  back: "M4.5 4.5v5h5M5.2 9.5a7.5 7.5 0 1 1-.6 4.5",
  ahead: "M19.5 4.5v5h-5M18.8 9.5a7.5 7.5 0 1 0 .6 4.5",
  sound: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  silence: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  whole: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  part: "M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5",
  download: "M12 4v11M7 10.5l5 5 5-5M4.5 20h15",
  chat: "M21 12a8 8 0 0 1-8 8H4l1.8-3.2A8 8 0 1 1 21 12zM9 10.5h7M9 14h4.5",
  chapters: "M4 6h2M4 12h2M4 18h2M9.5 6H20M9.5 12H20M9.5 18H20",
  people:
    "M15.5 20v-1.5a4 4 0 0 0-4-4h-4a4 4 0 0 0-4 4V20M9.5 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M20.5 20v-1.5a4 4 0 0 0-3-3.9M15.5 4.2a3.5 3.5 0 0 1 0 6.6",
  hourglass: "M6 3.5h12M6 20.5h12M7 3.5c0 5 10 6 10 17M17 3.5c0 5-10 6-10 17",
  unlinked:
    "M10 14a4 4 0 0 0 5.7 0l.8-.8M14 10a4 4 0 0 0-5.7 0l-3.2 3.2a4 4 0 0 0 5.7 5.7l.7-.7M13.4 5.9l.8-.8a4 4 0 1 1 5.7 5.7l-.8.8M3.5 3.5l17 17",
  nothing: "M4 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM15 11l6-3.5v9L15 13M3 3l18 18",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): SVGTemplateResult {
  const solid = name === "play" || name === "pause" ? "icon icon--solid" : "icon";
  return svg`<svg class=${solid} viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
