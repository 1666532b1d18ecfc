import type { Participant, RoomState } from "../model";
import { raisedHands } from "../model";
import { Avatar, element, HandBadge, Plate } from "../overlays";
import type { Placement } from "../stage";
import type { Tile, TileSetting } from "./tile";
import { marksOf, place, toggle } from "./tile";

/** A voice is loud long before it is at full scale. */
const FULL = 0.3;
/** A name has more to say where there is no picture, if there is the room. */
const PROMINENT = 1.25;
const LETTERS = 14;

/** Somebody who is only heard: an avatar in rings that follow the voice, and the name below. */
export class VoiceTile implements Tile {
  readonly element = element("div", "tile tile--voice");
  readonly #avatar: Avatar;
  readonly #plate = new Plate();
  readonly #hand = new HandBadge();
  readonly #rings = [element("div", "level"), element("div", "level level--far")];
  #level = 0;

  constructor(
    private readonly identity: string,
    private readonly setting: TileSetting,
  ) {
    this.#avatar = new Avatar(identity);
    this.#avatar.element.prepend(...this.#rings);
    this.element.append(this.#avatar.element);
    this.element.append(this.#plate.element);
  }

  show(placement: Placement, room: RoomState): void {
    const participant = room.participants.find(({ identity }) => identity === this.identity);
    if (!participant) return;
    place(this.element, placement, this.setting.scale, PROMINENT, LETTERS);
    const { width, height } = placement.rect;
    const disc = Math.min(width * 0.7, height * 0.6);
    this.element.style.setProperty("--voice-disc", `${Math.round(disc)}px`);
    this.#avatar.show(participant.name);
    this.#plate.show(participant.name, marksOf(participant));
    this.#hand.show(this.element, this.setting.hands ? raisedHands(room) : [], this.identity);
    toggle(this.element, "tile--speaking", room.heard.includes(this.identity));
    this.#sound(participant);
  }

  /** To be called while the voice may change. */
  listen(): void {
    this.#ring(this.setting.source.levelOf(this.identity));
  }

  close(): void {
    // It holds nothing.
  }

  #sound({ mic }: Participant): void {
    if (!mic) this.#ring(0);
  }

  #ring(level: number): void {
    const shown = Math.round(Math.sqrt(Math.min(level / FULL, 1)) * 20) / 20;
    if (shown === this.#level) return;
    this.#level = shown;
    for (const [at, ring] of this.#rings.entries()) {
      ring.style.transform = `scale(${1 + shown * (at === 0 ? 0.16 : 0.34)})`;
      ring.style.opacity = String(shown === 0 ? 0 : at === 0 ? 0.55 : 0.26);
    }
  }
}
