import { initials } from "../model";
import { element } from "./element";
import { hueOf } from "./hue";
import { writeName } from "./name";

/** What stands in for a camera that is off: the initials on a colour of one's own. */
export class Avatar {
  readonly element: HTMLElement;
  readonly #initials = element("span", "avatar__initials");

  constructor(identity: string) {
    this.element = element("div", "avatar", element("div", "avatar__disc", this.#initials));
    this.element.style.setProperty("--hue", String(hueOf(identity)));
  }

  show(name: string): void {
    writeName(this.#initials, initials(name));
  }
}
