import type { ChatLine } from "../model";
import type { Rect, Size } from "../stage";
import { element } from "./element";
import { hueOf } from "./hue";
import { writeName } from "./name";

/** The latest lines of chat. */
export class ChatOverlay {
  readonly element = element("div", "chat");
  readonly #lines = new Map<number, HTMLElement>();

  /** Over the corner of the picture that names leave free. */
  showOver(lines: readonly ChatLine[], focus: Rect, viewport: Size): void {
    this.#place(focus, viewport, false);
    this.element.style.width = "";
    this.element.style.height = "";
    this.element.style.maxWidth = `${Math.min(focus.width, Math.max(viewport.width * 0.34, viewport.height * 0.26))}px`;
    this.#write(lines);
  }

  /** In a place of its own, as many of the last lines as it holds. */
  showIn(lines: readonly ChatLine[], place: Rect, viewport: Size): void {
    this.#place(place, viewport, true);
    this.element.style.width = `${place.width}px`;
    this.element.style.height = `${place.height}px`;
    this.element.style.maxWidth = "";
    this.#write(lines);
  }

  #place(within: Rect, viewport: Size, apart: boolean): void {
    this.element.classList.toggle("chat--apart", apart);
    this.element.style.right = `${viewport.width - within.x - within.width}px`;
    this.element.style.bottom = `${viewport.height - within.y - within.height}px`;
  }

  #write(lines: readonly ChatLine[]): void {
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
      this.element.prepend(drawn);
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
