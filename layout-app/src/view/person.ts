import type { RoomState, Video } from "../model";
import { raisedHands } from "../model";
import { Avatar, element, HandBadge, Plate } from "../overlays";
import type { Placement } from "../stage";
import { CROPPED_AT } from "../stage";
import { Backdrop } from "./backdrop";
import { Picture } from "./picture";
import type { Tile, TileSetting } from "./tile";
import { marksOf, place, toggle } from "./tile";

/** Somebody with a camera, or with an avatar where the picture would be. */
export class PersonTile implements Tile {
  readonly element = element("div", "tile tile--person");
  readonly #avatar: Avatar;
  readonly #picture: Picture;
  readonly #backdrop: Backdrop;
  readonly #plate = new Plate();
  readonly #hand = new HandBadge();

  constructor(
    private readonly identity: string,
    private readonly setting: TileSetting,
  ) {
    this.#avatar = new Avatar(identity);
    this.#picture = new Picture(setting.source, setting.onFrame);
    this.#backdrop = new Backdrop(this.#picture.element);
    this.#picture.element.style.objectPosition = `${CROPPED_AT.x * 100}% ${CROPPED_AT.y * 100}%`;
    this.element.append(this.#avatar.element, this.#backdrop.element, this.#picture.element);
    this.element.append(this.#plate.element);
    this.element.append(element("div", "ring"));
  }

  show(placement: Placement, room: RoomState): void {
    const participant = room.participants.find(({ identity }) => identity === this.identity);
    if (!participant || placement.kind !== "person") return;
    const { camera, name } = participant;
    const { rect, picture, above } = placement;
    place(this.element, placement, this.setting.scale);
    this.#picture.show(camera);
    Object.assign(this.#picture.element.style, {
      left: `${picture.x}px`,
      top: `${picture.y}px`,
      width: `${picture.width}px`,
      height: `${picture.height}px`,
    });
    this.#avatar.show(name);
    this.#plate.show(name, marksOf(participant));
    this.#hand.show(this.element, this.setting.hands ? raisedHands(room) : [], this.identity);
    const visible = seen(room, camera);
    const filled = picture.width === rect.width && picture.height === rect.height;
    this.#backdrop.show(visible && !filled);
    toggle(this.element, "tile--seen", visible);
    toggle(this.element, "tile--filled", filled);
    toggle(this.element, "tile--above", above);
    toggle(this.element, "tile--speaking", room.heard.includes(this.identity));
  }

  close(): void {
    this.#backdrop.show(false);
    this.#picture.close();
  }
}

/** Until its first frame a video is transparent, and the avatar behind it is seen. */
function seen(room: RoomState, video: Video): boolean {
  return video.state === "live" && room.frames.has(video.track);
}
