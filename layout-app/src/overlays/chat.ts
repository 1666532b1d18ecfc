import type { ChatLine } from "../model";
import type { Rect } from "../stage";
import { element } from "./element";
import { hueOf } from "./hue";
import { writeName } from "./name";

/** The latest lines of chat over the corner of the picture that names leave free. */
export class ChatOverlay {
  readonly element = element("div", "chat");
  readonly #lines = new Map<number, HTMLElement>();

  show(lines: readonly ChatLine[], focus: Rect, viewport: { width: number; height: number }): void {
    this.element.style.right = `${viewport.width - focus.x - focus.width}px`;
    this.element.style.bottom = `${viewport.height - focus.y - focus.height}px`;
    this.element.style.maxWidth = `${Math.min(focus.width, Math.max(viewport.width * 0.34, viewport.height * 0.26))}px`;

    const ids = new Set(lines.map(({ id }) => id));
    for (const [id, drawn] of this.#lines) {
      if (ids.has(id)) continue;
      this.#lines.delete(id);
      drawn.addEventListener("animationend", () => drawn.remove(), { once: true });
      drawn.classList.add("chat__line--leaving");
    }
    for (const line of lines) {
      if (this.#lines.has(line.id)) continue;
      const drawn = drawLine(line);
      this.#lines.set(line.id, drawn);
      this.element.append(drawn);
    }
  }
}

function drawLine({ name, text }: ChatLine): HTMLElement {
  const who = element("span", "chat__name");
  writeName(who, name);
  who.style.setProperty("--hue", String(hueOf(name)));
  const said = element("p", "chat__text");
  writeName(said, text);
  return element("div", "chat__line", who, said);
}
