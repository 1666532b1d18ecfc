import type { Pinned } from "../model";
import type { Rect, Size } from "../stage";
import { element } from "./element";
import { icon } from "./icon";
import { writeName } from "./name";

/** A line that stays, at the upper edge of the part that is looked at. */
export class PinnedOverlay {
  readonly element = element("div", "pinned");
  readonly #name = element("span", "pinned__name");
  readonly #text = element("p", "pinned__text");

  constructor() {
    this.element.append(icon("pin"), element("div", "pinned__body", this.#name, this.#text));
  }

  show(pinned: Pinned | null, focus: Rect, viewport: Size): void {
    this.element.style.top = `${focus.y}px`;
    this.element.style.right = `${viewport.width - focus.x - focus.width}px`;
    this.element.style.maxWidth = `${Math.min(focus.width, Math.max(viewport.width * 0.34, viewport.height * 0.4))}px`;
    this.element.classList.toggle("pinned--shown", pinned !== null);
    if (!pinned) return;
    writeName(this.#name, pinned.name);
    writeName(this.#text, pinned.text);
  }
}
