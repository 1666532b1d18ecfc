import type { Card, Theme } from "../contract";
import { image } from "./brand";
import { element } from "./element";
import { writeText } from "./name";

/** A card that covers the picture, at its beginning or its end. */
export class CardOverlay {
  readonly element = element("div", "card");

  constructor({ headline, detail }: Card, { logo }: Theme) {
    if (logo) this.element.append(image(logo.image, "card__logo"));
    const large = element("div", "card__headline");
    writeText(large, headline);
    this.element.append(large, element("div", "card__line"));
    if (!detail) return;
    const small = element("div", "card__detail");
    writeText(small, detail);
    this.element.append(small);
  }

  show(wanted: boolean): void {
    this.element.classList.toggle("card--shown", wanted);
  }
}
