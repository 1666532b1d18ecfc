import { noChange } from "lit";
import { directive, Directive, type ElementPart } from "lit/directive.js";

/** Sets custom properties of an element one by one: the page's policy allows no style attributes. */
class Vars extends Directive {
  override render(values: Readonly<Record<`--${string}`, string>>): unknown {
    return values;
  }

  override update(part: ElementPart, [values]: [Readonly<Record<`--${string}`, string>>]): unknown {
    const { style } = part.element as HTMLElement;
    for (const [name, value] of Object.entries(values)) style.setProperty(name, value);
    return noChange;
  }
}

export const vars = directive(Vars);
