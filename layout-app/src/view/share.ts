import type { RoomState } from "../model";
import { element, Plate } from "../overlays";
import type { Placement } from "../stage";
import { Picture } from "./picture";
import type { Tile, TileSetting } from "./tile";
import { place, toggle } from "./tile";

/** A shared screen, whole. */
export class ShareTile implements Tile {
  readonly #screen = element("div", "screen");
  readonly element = element("div", "tile tile--share", this.#screen);
  readonly #picture: Picture;
  readonly #plate = new Plate();

  constructor(
    private readonly identity: string,
    private readonly setting: TileSetting,
  ) {
    this.#picture = new Picture(setting.source, setting.onFrame);
    this.#screen.append(this.#picture.element);
    this.element.append(this.#plate.element);
  }

  show(placement: Placement, room: RoomState): void {
    const participant = room.participants.find(({ identity }) => identity === this.identity);
    if (!participant) return;
    const caption = placement.kind === "share" ? placement.caption : 0;
    place(this.element, placement, this.setting.scale);
    this.element.style.setProperty("--caption", `${caption}px`);
    toggle(this.#plate.element, "plate--caption", caption > 0);
    toggle(this.#plate.element, "plate--passing", placement.bleed);
    this.#picture.show(participant.screen);
    this.#plate.show(participant.name, ["screen"]);
  }

  close(): void {
    this.#picture.close();
  }
}
