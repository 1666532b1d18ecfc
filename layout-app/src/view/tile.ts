import type { Participant, RoomState, Video } from "../model";
import type { Mark } from "../overlays";
import { Avatar, element, Plate } from "../overlays";
import type { Placement, Rect } from "../stage";
import type { FrameListener, PictureSource } from "./picture";
import { Picture } from "./picture";

/** A tile: a person, a share, or the number of those who have none. It keeps its video element wherever it moves. */
export interface Tile {
  readonly element: HTMLElement;
  show(placement: Placement, room: RoomState): void;
  close(): void;
}

/** What all tiles of a view share. */
export interface TileSetting {
  readonly source: PictureSource;
  readonly onFrame: FrameListener;
  /** Name plates are drawn. */
  readonly names: boolean;
  /** The frame's shorter side over 720: what sizes that must be readable grow with. */
  scale: number;
}

export function makeTile(placement: Placement, setting: TileSetting): Tile {
  switch (placement.kind) {
    case "person":
      return new PersonTile(placement.identity, setting);
    case "share":
      return new ShareTile(placement.identity, setting);
    case "more":
      return new MoreTile(setting);
  }
}

class PersonTile implements Tile {
  readonly element = element("div", "tile tile--person");
  readonly #avatar: Avatar;
  readonly #picture: Picture;
  readonly #plate = new Plate();

  constructor(
    private readonly identity: string,
    private readonly setting: TileSetting,
  ) {
    this.#avatar = new Avatar(identity);
    this.#picture = new Picture(setting.source, setting.onFrame);
    this.element.append(this.#avatar.element, this.#picture.element);
    if (setting.names) this.element.append(this.#plate.element);
    this.element.append(element("div", "ring"));
  }

  show(placement: Placement, room: RoomState): void {
    const participant = room.participants.find(({ identity }) => identity === this.identity);
    if (!participant) return;
    place(this.element, placement, this.setting.scale);
    const { camera, name } = participant;
    this.#picture.show(camera);
    this.#avatar.show(name);
    this.#plate.show(name, marksOf(participant));
    const fit = placement.kind === "person" ? placement.fit : "cover";
    toggle(this.element, "tile--seen", seen(room, camera));
    toggle(this.element, "tile--contain", fit === "contain");
    toggle(this.element, "tile--speaking", room.heard.includes(this.identity));
  }

  close(): void {
    this.#picture.close();
  }
}

class ShareTile implements Tile {
  readonly #screen = element("div", "screen");
  readonly element = element("div", "tile tile--share tile--contain", this.#screen);
  readonly #picture: Picture;
  readonly #plate = new Plate();

  constructor(
    private readonly identity: string,
    private readonly setting: TileSetting,
  ) {
    this.#picture = new Picture(setting.source, setting.onFrame);
    this.#screen.append(this.#picture.element);
    if (setting.names) this.element.append(this.#plate.element);
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

class MoreTile implements Tile {
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

function marksOf({ mic, steady }: Participant): Mark[] {
  const marks: Mark[] = [];
  if (!steady) marks.push("lost");
  if (!mic) marks.push("muted");
  return marks;
}

/** Until its first frame a video is transparent, and the avatar behind it is seen. */
function seen(room: RoomState, video: Video): boolean {
  return video.state === "live" && room.frames.has(video.track);
}

function place(tile: HTMLElement, { rect, bleed }: Placement, scale: number): void {
  tile.style.transform = `translate(${rect.x}px, ${rect.y}px)`;
  tile.style.width = `${rect.width}px`;
  tile.style.height = `${rect.height}px`;
  tile.style.fontSize = `${textSize(rect, scale)}px`;
  tile.style.setProperty("--disc", `${Math.round(Math.min(rect.width, rect.height, 460 * scale) * 0.42)}px`);
  tile.style.setProperty("--emoji", `${Math.round(Math.min(Math.max(rect.height * 0.2, 26 * scale), 76 * scale))}px`);
  toggle(tile, "tile--bleed", bleed);
}

/** Grows slower than the tile: 18 px on a tile that fills a 720-line frame, 12 px on one of twenty-five. */
function textSize({ height }: Rect, scale: number): number {
  const size = 7.5 + 0.4 * Math.sqrt(height / scale);
  return Math.round(Math.min(Math.max(size, 11), 18) * scale * 2) / 2;
}

function toggle({ classList }: HTMLElement, className: string, on: boolean): void {
  if (classList.contains(className) !== on) classList.toggle(className, on);
}
