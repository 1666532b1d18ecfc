import type { LowerThird } from "../contract";
import type { Rect, Size } from "../stage";
import { element } from "./element";
import { writeText } from "./name";

/** Two lines beside an accent, which come from the side and go again. */
export class LowerThirdOverlay {
  readonly element = element("div", "third");

  constructor({ headline, detail }: LowerThird) {
    const upper = element("div", "third__headline");
    writeText(upper, headline);
    this.element.append(upper);
    if (!detail) return;
    const lower = element("div", "third__detail");
    writeText(lower, detail);
    this.element.append(lower);
  }

  /** Stands over the names at the lower edge of the part that is looked at. */
  show(wanted: boolean, focus: Rect, viewport: Size): void {
    this.element.style.left = `${focus.x}px`;
    this.element.style.bottom = `${viewport.height - focus.y - focus.height}px`;
    this.element.style.maxWidth = `${Math.round(Math.min(focus.width, Math.max(viewport.width * 0.52, viewport.height * 0.4)))}px`;
    this.element.classList.toggle("third--shown", wanted);
  }
}
