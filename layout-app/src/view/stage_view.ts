import type { Layout, Theme } from "../contract";
import type { Participant, RoomState } from "../model";
import { bandOf, brand, ChatOverlay, element, notice, ReactionOverlay } from "../overlays";
import type { Person, Share } from "../stage";
import { arrange } from "../stage";
import type { FrameListener, PictureSource } from "./picture";
import type { Tile, TileSetting } from "./tile";
import { makeTile } from "./tile";

/** Draws a room into an element that fills the frame. Only what has changed is touched. */
export class StageView {
  readonly #frame = element("div", "frame");
  readonly #tiles = new Map<string, Tile>();
  readonly #setting: TileSetting;
  readonly #chat: ChatOverlay | null;
  readonly #reactions: ReactionOverlay | null;
  readonly #waiting = notice("people", "Waiting for people to join");
  readonly #reconnecting = element("div", "pill", "Reconnecting…");
  #brand: HTMLElement | null = null;
  #seats: readonly string[] = [];

  constructor(
    root: HTMLElement,
    private readonly theme: Theme,
    source: PictureSource,
    onFrame: FrameListener,
  ) {
    this.#setting = { source, onFrame, names: theme.overlays.names, scale: 1 };
    this.#chat = theme.overlays.chat ? new ChatOverlay() : null;
    this.#reactions = theme.overlays.reactions ? new ReactionOverlay() : null;
    if (this.#chat) this.#frame.append(this.#chat.element);
    if (this.#reactions) this.#frame.append(this.#reactions.element);
    root.replaceChildren(this.#frame);
  }

  show(room: RoomState, layout: Layout): void {
    const viewport = { width: this.#frame.clientWidth, height: this.#frame.clientHeight };
    this.#setting.scale = Math.min(viewport.width, viewport.height) / 720;
    const band = bandOf(this.theme, viewport);
    if (band && !this.#brand) {
      this.#brand = brand(this.theme, band);
      this.#frame.append(this.#brand);
    }

    const scene = {
      layout,
      viewport,
      band,
      people: room.participants.map((participant) => personOf(participant, room)),
      shares: sharesOf(room),
      speaker: room.speaker.identity,
    };
    const { placements, seats, focus } = arrange(scene, this.#seats);
    this.#seats = seats;

    const keys = new Set(placements.map(({ key }) => key));
    for (const [key, tile] of this.#tiles) {
      if (keys.has(key)) continue;
      tile.close();
      tile.element.remove();
      this.#tiles.delete(key);
    }
    for (const placement of placements) {
      let tile = this.#tiles.get(placement.key);
      if (!tile) {
        tile = makeTile(placement, this.#setting);
        this.#tiles.set(placement.key, tile);
        tile.show(placement, room);
        this.#frame.append(tile.element);
      } else {
        tile.show(placement, room);
      }
    }
    this.#frame.classList.toggle(
      "frame--bleed",
      placements.some(({ bleed }) => bleed),
    );

    present(this.#frame, this.#waiting, room.connection !== "joining" && room.participants.length === 0);
    present(this.#frame, this.#reconnecting, room.connection === "reconnecting");
    this.#chat?.show(room.chat, focus, viewport);
    this.#reactions?.show(room.reactions, (identity) => this.#tiles.get(`person ${identity}`)?.element ?? null);
  }
}

function personOf(participant: Participant, room: RoomState): Person {
  const { identity, spokeAt, camera } = participant;
  const frame = camera.state === "live" ? room.frames.get(camera.track) : undefined;
  return { identity, spokeAt, shape: frame ? frame.width / frame.height : null };
}

/** The latest share first. A share counts from the moment its track is here. */
function sharesOf(room: RoomState): Share[] {
  return room.participants
    .filter(({ screen }) => screen.state === "live")
    .sort((one, other) => other.screenSince - one.screenSince)
    .map(({ identity, screen }) => {
      const frame = screen.state === "live" ? room.frames.get(screen.track) : undefined;
      return { identity, shape: frame ? frame.width / frame.height : null };
    });
}

function present(parent: HTMLElement, child: HTMLElement, wanted: boolean): void {
  if (wanted && !child.isConnected) parent.append(child);
  if (!wanted && child.isConnected) child.remove();
}
