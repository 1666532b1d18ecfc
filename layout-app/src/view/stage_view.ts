import type { Layout, LowerThird, Theme } from "../contract";
import type { Participant, Programme, RoomState } from "../model";
import { sharers } from "../model";
import { CaptionOverlay, ChatOverlay, element, notice, PinnedOverlay, ReactionOverlay } from "../overlays";
import type { Person, Placement, Rect, Share, Size } from "../stage";
import { arrange, showsPictures } from "../stage";
import { makeTile } from "./make_tile";
import { Motion } from "./motion";
import type { FrameListener, PictureSource } from "./picture";
import { scenery } from "./scenery";
import type { Tile, TileSetting } from "./tile";
import { toggle } from "./tile";
import { Trim } from "./trim";

/** How often rings ask for levels: what is between is a transition. */
const LISTEN_MS = 100;

/** Draws a room into an element that fills the frame. Only what has changed is touched. */
export class StageView {
  readonly #frame = element("div", "frame");
  readonly #tiles = new Map<string, Shown>();
  #motion: Motion;
  readonly #setting: TileSetting;
  #chat: ChatOverlay | null = null;
  #pinned: PinnedOverlay | null = null;
  #captions: CaptionOverlay | null = null;
  #reactions: ReactionOverlay | null = null;
  #scenery: HTMLElement | null = null;
  #sceneryOf = "";
  readonly #waiting = notice("people", "Waiting for people to join");
  readonly #reconnecting = element("div", "pill", "Reconnecting…");
  #trim: Trim;
  #began: number | null = null;
  #seats: readonly string[] = [];
  #viewport: Size = { width: 0, height: 0 };
  #listening: ReturnType<typeof setInterval> | undefined;

  constructor(
    root: HTMLElement,
    private theme: Theme,
    source: PictureSource,
    onFrame: FrameListener,
    /** Has colours, fonts and lengths of another theme apply. */
    private readonly onTheme: (theme: Theme) => void = () => undefined,
  ) {
    this.#setting = { source, onFrame, hands: true, scale: 1 };
    this.#motion = new Motion(theme.tiles.motion);
    this.#trim = new Trim(this.#frame, theme);
    this.#over();
    root.replaceChildren(this.#frame);
  }

  /** From the next `show` on everything is drawn by this theme. Tiles stay, and their pictures with them. */
  restyle(theme: Theme): void {
    this.theme = theme;
    this.onTheme(theme);
    this.#motion = new Motion(theme.tiles.motion);
    this.#trim.close();
    this.#trim = new Trim(this.#frame, theme);
    if (this.#began !== null) this.#trim.begin(this.#began);
    this.#over();
  }

  /** What the theme wants over the tiles. What is there already goes on. */
  #over(): void {
    const { overlays, tiles } = this.theme;
    this.#setting.hands = overlays.hands;
    toggle(this.#frame, "frame--nameless", !overlays.names);
    toggle(this.#frame, "frame--still", !tiles.motion);
    this.#chat = kept(overlays.chat, this.#chat, () => new ChatOverlay());
    this.#pinned = kept(overlays.pinned, this.#pinned, () => new PinnedOverlay());
    this.#captions = kept(overlays.captions, this.#captions, () => new CaptionOverlay());
    this.#reactions = kept(overlays.reactions, this.#reactions, () => new ReactionOverlay());
    for (const overlay of [this.#chat, this.#pinned, this.#captions, this.#reactions]) {
      if (overlay) this.#frame.append(overlay.element);
    }
    this.#behind();
  }

  /** What the theme wants behind the tiles. A video goes on where it is, unless it is another. */
  #behind(): void {
    const { background } = this.theme;
    const wanted = JSON.stringify(background);
    if (this.#sceneryOf === wanted) return;
    this.#sceneryOf = wanted;
    this.#scenery?.remove();
    this.#scenery = background && scenery(background);
    if (this.#scenery) this.#frame.prepend(this.#scenery);
  }

  /** What is asked for while recording. */
  dress(third: LowerThird | null, banner: string | null): void {
    this.#trim.dress(third, banner);
  }

  showsPictures(layout: Layout): boolean {
    return showsPictures(layout);
  }

  /** Draws the room as it is, and tells over how many pages everybody is spread. */
  show(room: RoomState, layout: Layout, page: number, programme: Programme): number {
    const viewport = { width: this.#frame.clientWidth, height: this.#frame.clientHeight };
    this.#setting.scale = Math.min(viewport.width, viewport.height) / 720;
    const scene = {
      layout,
      viewport,
      bands: this.#trim.bands(viewport),
      people: room.participants.map((participant) => personOf(participant, room)),
      shares: sharesOf(room),
      speaker: room.speaker.identity,
      gap: this.theme.tiles.gap,
      margin: this.theme.tiles.margin,
      chat: this.#chat !== null && room.talk.length > 0,
      page,
    };
    const { placements, seats, pages, focus, chat } = arrange(scene, this.#seats);
    this.#seats = seats;

    this.#showTiles(placements, room, viewport);
    toggle(
      this.#frame,
      "frame--inset",
      placements.some((placement) => placement.kind === "person" && placement.above),
    );
    toggle(
      this.#frame,
      "frame--bleed",
      placements.some(({ bleed }) => bleed),
    );

    present(this.#frame, this.#waiting, room.connection !== "joining" && room.participants.length === 0);
    present(this.#frame, this.#reconnecting, room.connection === "reconnecting");
    this.#trim.show(programme, focus, viewport, this.#motion.on);
    if (chat) this.#chat?.showIn(room.talk, chat, viewport);
    else this.#chat?.showOver(room.chat, focus, viewport);
    this.#pinned?.show(room.pinned, below(focus, room.pinned ? this.#trim.bannerHeight : 0), viewport);
    this.#captions?.show(room.captions);
    this.#reactions?.show(room.reactions, (identity) => this.#tileOf(identity));
    return pages;
  }

  /** The page is ready: from here time is counted. */
  begin(since: number): void {
    this.#began = since;
    this.#trim.begin(since);
  }

  /** The room is over. */
  end(): void {
    this.#trim.end();
  }

  #showTiles(placements: readonly Placement[], room: RoomState, viewport: Size): void {
    // Nothing glides into a frame of another size.
    const resized = viewport.width !== this.#viewport.width || viewport.height !== this.#viewport.height;
    this.#viewport = viewport;
    const keys = new Set(placements.map(({ key }) => key));
    for (const [key, { tile }] of this.#tiles) {
      if (keys.has(key)) continue;
      this.#tiles.delete(key);
      this.#motion.go(tile.element, () => {
        tile.close();
        tile.element.remove();
      });
    }
    for (const placement of placements) {
      const { key, rect } = placement;
      const shown = this.#tiles.get(key);
      const tile = shown?.tile ?? makeTile(placement, this.#setting);
      tile.show(placement, room);
      this.#tiles.set(key, { tile, rect });
      if (!shown) {
        this.#frame.append(tile.element);
        this.#motion.come(tile.element, rect);
      } else if (!same(shown.rect, rect) && !resized) {
        this.#motion.move(tile.element, shown.rect, rect);
      }
    }
    this.#listen();
  }

  /** One timer for all rings, while there are any. */
  #listen(): void {
    const voices = [...this.#tiles.values()].some(({ tile }) => tile.listen);
    if (voices === (this.#listening !== undefined)) return;
    clearInterval(this.#listening);
    const listen = () => {
      for (const { tile } of this.#tiles.values()) tile.listen?.();
    };
    this.#listening = voices ? setInterval(listen, LISTEN_MS) : undefined;
  }

  #tileOf(identity: string): HTMLElement | null {
    const shown = this.#tiles.get(`person ${identity}`) ?? this.#tiles.get(`voice ${identity}`);
    return shown?.tile.element ?? null;
  }
}

interface Shown {
  readonly tile: Tile;
  readonly rect: Rect;
}

/** What is left of the part that is looked at under something at its upper edge. */
function below({ y, height, ...rest }: Rect, taken: number): Rect {
  return { ...rest, y: y + taken, height: height - taken };
}

function same(one: Rect, other: Rect): boolean {
  return one.x === other.x && one.y === other.y && one.width === other.width && one.height === other.height;
}

function personOf(participant: Participant, room: RoomState): Person {
  const { identity, spokeAt, camera } = participant;
  const frame = camera.state === "live" ? room.frames.get(camera.track) : undefined;
  return { identity, spokeAt, shape: frame ? frame.width / frame.height : null };
}

function sharesOf(room: RoomState): Share[] {
  return sharers(room).map(({ identity, screen }) => {
    const frame = screen.state === "live" ? room.frames.get(screen.track) : undefined;
    return { identity, shape: frame ? frame.width / frame.height : null };
  });
}

/** An overlay that is wanted, the same as before if there was one; what is not wanted any more goes. */
function kept<Overlay extends { readonly element: HTMLElement }>(
  wanted: boolean,
  before: Overlay | null,
  make: () => Overlay,
): Overlay | null {
  if (!wanted) before?.element.remove();
  return wanted ? (before ?? make()) : null;
}

function present(parent: HTMLElement, child: HTMLElement, wanted: boolean): void {
  if (wanted && !child.isConnected) parent.append(child);
  if (!wanted && child.isConnected) child.remove();
}
