import { element } from "../overlays";
import type { Placement } from "../stage";
import type { Tile, TileSetting } from "./tile";
import { place } from "./tile";

/** How many people have no tile on this page. */
export class MoreTile implements Tile {
  readonly #count = element("div", "more__count");
  readonly element = element("div", "tile tile--more", this.#count);

  constructor(private readonly setting: TileSetting) {}

  show(placement: Placement): void {
    place(this.element, placement, this.setting.scale);
    if (placement.kind === "more") this.#count.textContent = `+${placement.count}`;
  }

  close(): void {
    // It holds nothing.
  }
}
