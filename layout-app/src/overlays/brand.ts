import type { Theme } from "../contract";
import type { Size } from "../stage";
import { element } from "./element";
import { writeName } from "./name";

/** The strip of the frame that title and logo take. */
export interface Band {
  readonly side: "top" | "bottom";
  readonly height: number;
}

/** Null when there is neither title nor logo. Both share one band, on the logo's side. */
export function bandOf(theme: Theme, viewport: Size): Band | null {
  if (!theme.title && !theme.logo) return null;
  const side = theme.logo?.corner.startsWith("bottom") ? "bottom" : "top";
  return { side, height: Math.round(Math.min(viewport.width, viewport.height) / 13) };
}

/** Title and logo. */
export function brand(theme: Theme, band: Band): HTMLElement {
  const bar = element("div", `brand brand--${band.side}`);
  bar.style.height = `${band.height}px`;
  const title = element("div", "brand__title");
  if (theme.title) writeName(title, theme.title);
  bar.append(title);
  if (theme.logo) {
    const logo = element("img", "brand__logo") as HTMLImageElement;
    logo.src = theme.logo.image;
    logo.alt = "";
    // A logo that can't be drawn is left out: a torn-picture mark would be in the recording for ever.
    logo.onerror = () => logo.remove();
    if (theme.logo.corner.endsWith("left")) bar.prepend(logo);
    else bar.append(logo);
  }
  return bar;
}
