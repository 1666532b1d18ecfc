import type { Ticker } from "../contract";
import { element } from "./element";
import { writeText } from "./name";

/** A line that runs: the same text twice, one behind the other, so that it never ends. Only its transform changes. */
export class TickerOverlay {
  readonly #run = element("div", "ticker__run");
  readonly element = element("div", "ticker", this.#run);
  #distance = 0;

  constructor(private readonly ticker: Ticker) {}

  /** `runs` is off where less motion is wanted; then the text stands still. */
  show(height: number, scale: number, runs: boolean): void {
    this.element.style.height = `${height}px`;
    if (this.#run.childElementCount === 0) this.#write(runs ? 2 : 1);
    const [first] = this.#run.children;
    // Until the fonts are here the width may change.
    const distance = first instanceof HTMLElement ? Math.max(first.offsetWidth, 1) : 0;
    if (!runs || distance === this.#distance) return;
    this.#distance = distance;
    for (const animation of this.#run.getAnimations()) animation.cancel();
    this.#run.animate([{ transform: "none" }, { transform: `translateX(${-distance}px)` }], {
      duration: (distance / (this.ticker.speed * scale)) * 1000,
      iterations: Infinity,
    });
  }

  #write(times: number): void {
    for (let time = 0; time < times; time += 1) {
      const text = element("span", "ticker__text");
      writeText(text, this.ticker.text);
      this.#run.append(text);
    }
  }
}
