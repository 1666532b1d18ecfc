import type { Theme } from "../contract";
import type { Size } from "../stage";
import { element } from "./element";
import { writeName } from "./name";

/** Parts of the frame that overlays have for themselves, in pixels. */
export interface Bands {
  readonly top: number;
  /** All of what is kept free below: the ticker, over it title and logo if they are there, over them captions. */
  readonly bottom: number;
  readonly ticker: number;
  readonly captions: number;
}

/** Title, logo and clock share one band, on the logo's side; the ticker has another. */
export function bandsOf({ title, logo, overlays, tiles }: Theme, viewport: Size): Bands {
  const unit = Math.min(viewport.width, viewport.height) / 720;
  const brand = title || logo || overlays.clock !== "off" ? Math.round(unit * 55) : 0;
  const ticker = overlays.ticker ? Math.round(unit * 40) : 0;
  const below = onTop({ logo }) ? 0 : brand;
  const captions = overlays.captions ? Math.round(unit * 84) : 0;
  // The ticker has no margin of its own.
  const margin = ticker > 0 && below + captions === 0 ? Math.round(unit * tiles.gap) : 0;
  return { top: brand - below, bottom: below + ticker + captions + margin, ticker, captions };
}

function onTop({ logo }: Pick<Theme, "logo">): boolean {
  return !logo?.corner.startsWith("bottom");
}

/** Title and logo, and between them what else stands in their band. */
export function brand(theme: Theme, { top, bottom, ticker, captions }: Bands, clock: HTMLElement | null): HTMLElement {
  const bar = element("div", `brand brand--${onTop(theme) ? "top" : "bottom"}`);
  bar.style.height = `${onTop(theme) ? top : bottom - ticker - captions}px`;
  const title = element("div", "brand__title");
  if (theme.title) writeName(title, theme.title);
  bar.append(title);
  if (clock) bar.append(clock);
  if (theme.logo) {
    const logo = image(theme.logo.image, "brand__logo");
    if (theme.logo.corner.endsWith("left")) bar.prepend(logo);
    else bar.append(logo);
  }
  return bar;
}

/** An image that can't be drawn is left out: a torn-picture mark would be in the recording for ever. */
export function image(source: string, className: string): HTMLElement {
  const made = element("img", className) as HTMLImageElement;
  made.onerror = () => made.remove();
  made.src = source;
  made.alt = "";
  return made;
}
