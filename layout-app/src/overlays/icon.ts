/** Line icons on a 24-pixel grid, drawn in the colour of the text around them. */
const PATHS = {
  muted:
    "M3 3l18 18M9 9v3a3 3 0 0 0 4.6 2.5M15 11V6a3 3 0 0 0-5.7-1.3M5.5 11.5a6.5 6.5 0 0 0 10.6 5M18.5 11.5c0 .9-.2 1.8-.5 2.6M12 18.5V21",
  screen: "M4 5h16v11H4zM9 20h6M12 16v4",
  lost: "M3 3l18 18M5 12.5a10 10 0 0 1 4-2.4M8.5 16a5 5 0 0 1 5.2-1.2M2 8.8a15 15 0 0 1 4-2.6M11 5.6A15 15 0 0 1 22 8.8M16 10.6a10 10 0 0 1 3 1.9M12 20h.01",
  people:
    "M15.5 20v-1.5a4 4 0 0 0-4-4h-4a4 4 0 0 0-4 4V20M9.5 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M20.5 20v-1.5a4 4 0 0 0-3-3.9M15.5 4.2a3.5 3.5 0 0 1 0 6.6",
  pin: "M9 4h6M10 4v6l-3.5 4h11L14 10V4M12 14v6",
  alert: "M12 8v5M12 16.5h.01M12 3l9.5 17h-19z",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon--${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
