import { css, html, unsafeCSS, type TemplateResult } from "lit";
import type { Participant } from "../model";
import type { Placement, Rect } from "../stage";
import { captionOf, pictureIn } from "../stage";
import type { Moment } from "../template/recording";
import type { Selector } from "../template/who";
import { whoIs } from "../template/who";
import type { Tile as TileView, TileSetting } from "../view";
import { makeTile, Motion } from "../view";
import view from "../view/view.css?inline";
import { Drawn, Sized } from "./drawn";
import { listed } from "./without";

/** How often voices are listened to. */
const LISTEN_MS = 100;

/** Attributes by which a participant is chosen. */
export const chosenBy = {
  speaker: { type: Boolean },
  screen: { type: Boolean },
  identity: {},
  named: {},
  index: { type: Number },
  other: { type: Number },
};

/**
 * One participant, or a shared screen.
 *
 * - who: `speaker` (also when nothing is named), `index="0"` (by order of joining), `other="0"` (among those who do not speak),
 *   `identity="…"`, `named="…"`, or `screen`
 * - `voice`: an avatar in rings that follow the voice, instead of the camera
 * - `without`: some of `names hands ring`; a `<wf-name>` inside takes the place of the name
 *
 * For style sheets it has the attributes `empty`, `speaking`, `muted`, `nocamera` and `lost`, and in `--wf-level` how loud it is. What is
 * inside stands over the picture.
 */
export class Tile extends Sized implements Selector {
  static override styles = [
    ...Drawn.styles,
    unsafeCSS(view),
    css`
      :host {
        position: relative;
      }
      .root,
      .over {
        position: absolute;
        inset: 0;
      }
      .root {
        overflow: hidden;
        border-radius: inherit;
      }
      .over {
        pointer-events: none;
      }
      .root.voice {
        overflow: visible;
      }
      .nameless .plate,
      .ringless .ring {
        display: none;
      }
    `,
  ];
  static override properties = { ...chosenBy, voice: { type: Boolean }, without: {} };

  declare speaker: boolean;
  declare screen: boolean;
  declare identity: string | null;
  declare named: string | null;
  declare index: number | null;
  declare other: number | null;
  declare voice: boolean;
  declare without: string | null;
  #shown: { readonly key: string; readonly tile: TileView } | null = null;
  #setting: TileSetting | null = null;
  #listening: ReturnType<typeof setInterval> | undefined;
  #level = -1;

  /** Who is shown; undefined when it is nobody. */
  get participant(): Participant | undefined {
    return this.moment ? whoIs(this, this.moment.room) : undefined;
  }

  protected override render(): TemplateResult {
    return html`<div class="root"></div>
      <div class="over"><slot></slot></div>`;
  }

  protected override updated(): void {
    if (this.moment) this.#draw(this.moment);
  }

  override show(moment: Moment): number | undefined {
    this.moment = moment;
    if (this.hasUpdated) this.#draw(moment);
    return undefined;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#listening);
    this.#listening = undefined;
    this.#shown?.tile.close();
    this.#shown?.tile.element.remove();
    this.#shown = null;
  }

  #draw(moment: Moment): void {
    const root = this.renderRoot.querySelector<HTMLElement>(".root");
    const { pictures } = this.recording;
    if (!root || !pictures) return;
    const who = whoIs(this, moment.room);
    this.#tell(who, moment);

    const without = listed(this.without);
    const { names, hands } = moment.theme.overlays;
    const named = names && !without.has("names") && !this.querySelector("wf-name");
    root.className = `root${named ? "" : " nameless"}${without.has("ring") ? " ringless" : ""}${this.voice ? " voice" : ""}`;
    this.#setting ??= { ...pictures, hands: true, scale: 1 };
    this.#setting.hands = hands && !without.has("hands");
    // As large as text is elsewhere in the frame, whatever the tile's own size.
    this.#setting.scale = Math.min(innerWidth, innerHeight) / 720;

    const placement = who && this.#placement(who, moment, named);
    const motion = new Motion(moment.theme.tiles.motion);
    if (this.#shown && this.#shown.key !== placement?.key) this.#leave(this.#shown.tile, motion);
    if (!placement) return;
    const tile = this.#shown?.tile ?? makeTile(placement, this.#setting);
    tile.show(placement, moment.room);
    if (!this.#shown) {
      name(tile.element);
      root.append(tile.element);
      motion.come(tile.element, placement.rect);
    }
    this.#shown = { key: placement.key, tile };
    this.#listen();
  }

  #leave(tile: TileView, motion: Motion): void {
    this.#shown = null;
    motion.go(tile.element, () => {
      tile.close();
      tile.element.remove();
    });
  }

  #placement({ identity, camera }: Participant, { room }: Moment, named: boolean): Placement {
    const rect: Rect = { x: 0, y: 0, width: Math.max(1, this.clientWidth), height: Math.max(1, this.clientHeight) };
    if (this.screen) {
      const caption = named ? captionOf({ width: innerWidth, height: innerHeight }) : 0;
      return { key: `share ${identity}`, kind: "share", identity, rect, bleed: false, caption };
    }
    if (this.voice) return { key: `voice ${identity}`, kind: "voice", identity, rect, bleed: false };
    const frame = camera.state === "live" ? room.frames.get(camera.track) : undefined;
    const picture = pictureIn(frame ? frame.width / frame.height : null, rect);
    return { key: `person ${identity}`, kind: "person", identity, rect, bleed: false, above: false, picture };
  }

  #tell(who: Participant | undefined, { room }: Moment): void {
    this.toggleAttribute("empty", !who);
    this.toggleAttribute("speaking", who !== undefined && room.heard.includes(who.identity));
    this.toggleAttribute("muted", who?.mic === false);
    this.toggleAttribute("nocamera", who?.camera.state === "off");
    this.toggleAttribute("lost", who?.steady === false);
  }

  #listen(): void {
    this.#listening ??= setInterval(() => {
      this.#shown?.tile.listen?.();
      const who = this.participant;
      const level = who ? Math.round(this.recording.levelOf(who.identity) * 20) / 20 : 0;
      if (level === this.#level) return;
      this.#level = level;
      this.style.setProperty("--wf-level", String(level));
    }, LISTEN_MS);
  }
}

/** Names by which a template's style sheet reaches what is inside: `wf-tile::part(name)`. */
function name(tile: HTMLElement): void {
  const parts = { plate: "name", ring: "ring", avatar: "avatar", picture: "picture", screen: "screen", hand: "hand" };
  tile.setAttribute("part", "tile");
  for (const [inner, part] of Object.entries(parts)) tile.querySelector(`.${inner}`)?.setAttribute("part", part);
}
