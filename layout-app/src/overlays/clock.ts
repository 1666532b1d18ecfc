import type { Clock } from "../contract";
import { clockText, timeText } from "../model";
import { element } from "./element";

/** The time since the beginning, or the time of day, a second at a time. */
export class ClockOverlay {
  readonly element = element("div", "clock");
  #since: number | null = null;

  constructor(private readonly kind: Exclude<Clock, "off">) {
    this.#write();
  }

  /** The page is ready: from here time is counted. */
  begin(since: number): void {
    if (this.#since !== null) return;
    this.#since = since;
    this.#tick();
  }

  #tick(): void {
    if (this.#since === null) return;
    this.#write();
    const gone = this.kind === "elapsed" ? performance.now() - this.#since : Date.now();
    setTimeout(() => this.#tick(), 1000 - (gone % 1000) + 5);
  }

  #write(): void {
    const now = this.#since === null ? 0 : performance.now() - this.#since;
    this.element.textContent = this.kind === "elapsed" ? clockText(now) : timeText(new Date());
  }
}
