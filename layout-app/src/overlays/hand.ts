import { element } from "./element";

/** A raised hand in the corner of a tile; with its number when there are more. */
export class HandBadge {
  readonly element = element("div", "hand");
  readonly #order = element("span", "hand__order");

  constructor() {
    this.element.append(element("span", "hand__emoji", "✋"), this.#order);
  }

  /** `hands` are all that are raised, in order. */
  show(into: HTMLElement, hands: readonly string[], identity: string): void {
    const place = hands.indexOf(identity);
    if (place < 0) {
      this.element.remove();
      return;
    }
    const order = hands.length > 1 ? String(place + 1) : "";
    if (this.#order.textContent !== order) this.#order.textContent = order;
    if (!this.element.isConnected) into.append(this.element);
  }
}
