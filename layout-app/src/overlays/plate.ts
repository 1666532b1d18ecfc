import { element } from "./element";
import type { IconName } from "./icon";
import { icon } from "./icon";
import { writeName } from "./name";

/** Marks that may stand before a name. */
export type Mark = Extract<IconName, "muted" | "screen" | "lost">;

/** A name in the corner of a tile, with what is to be known about its bearer. */
export class Plate {
  readonly element = element("div", "plate");
  readonly #name = element("span", "plate__name");
  readonly #marks = new Map<Mark, SVGSVGElement>();

  constructor() {
    this.element.append(this.#name);
  }

  show(name: string, marks: readonly Mark[]): void {
    writeName(this.#name, name);
    for (const [mark, drawn] of this.#marks) {
      if (marks.includes(mark)) continue;
      drawn.remove();
      this.#marks.delete(mark);
    }
    for (const mark of marks) {
      if (this.#marks.has(mark)) continue;
      const drawn = icon(mark);
      this.#marks.set(mark, drawn);
      this.element.insertBefore(drawn, this.#name);
    }
  }
}
