import type { Rect } from "../stage";
import { element } from "./element";
import { writeText } from "./name";

/** A line across the upper part of the picture, for as long as it is wanted. */
export class BannerOverlay {
  readonly element = element("div", "banner");
  #text: string | null = null;

  write(text: string | null): void {
    if (text === this.#text) return;
    this.#text = text;
    // What goes is still to be read while it does.
    if (text !== null) writeText(this.element, text);
    this.element.classList.toggle("banner--shown", text !== null);
  }

  /** Stands at the upper edge of the part that is looked at. */
  show({ x, y, width }: Rect): void {
    this.element.style.left = `${x}px`;
    this.element.style.top = `${y}px`;
    this.element.style.width = `${width}px`;
  }
}
