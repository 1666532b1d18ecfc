import type { Caption } from "../model";
import { element } from "./element";
import { hueOf } from "./hue";
import { writeName } from "./name";

/** What is said, in a strip that keeps its place: the last two lines of each who speaks. */
export class CaptionOverlay {
  readonly element = element("div", "captions");
  readonly #drawn = new Map<number, DrawnCaption>();

  show(captions: readonly Caption[]): void {
    const ids = new Set(captions.map(({ id }) => id));
    for (const [id, drawn] of this.#drawn) {
      if (ids.has(id)) continue;
      this.#drawn.delete(id);
      drawn.element.remove();
    }
    for (const caption of captions) {
      const drawn = this.#drawn.get(caption.id) ?? this.#draw(caption);
      writeName(drawn.text, caption.text);
    }
    this.element.classList.toggle("captions--many", captions.length > 1);
  }

  #draw({ id, name, identity }: Caption): DrawnCaption {
    const who = element("span", "caption__name");
    writeName(who, name);
    who.style.setProperty("--hue", String(hueOf(identity ?? name)));
    const text = element("span", "caption__text");
    const lines = element("p", "caption__lines", who, " ", text);
    const drawn = { element: element("div", "caption", element("div", "caption__window", lines)), text };
    this.#drawn.set(id, drawn);
    this.element.append(drawn.element);
    return drawn;
  }
}

interface DrawnCaption {
  readonly element: HTMLElement;
  readonly text: HTMLElement;
}
