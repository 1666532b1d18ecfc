import { css, html, nothing, type TemplateResult } from "lit";
import type { Participant } from "../model";
import { scriptLanguage } from "../model";
import { ClockOverlay } from "../overlays";
import type { Moment } from "../template/recording";
import type { Selector } from "../template/who";
import { whoIs } from "../template/who";
import { Drawn } from "./drawn";
import { chosenBy, Tile } from "./tile";

/** Text of its own direction, as everything that comes from a room is. */
function text(value: string): TemplateResult {
  return html`<span dir="auto" lang=${scriptLanguage(value) ?? nothing}>${value}</span>`;
}

const inline = css`
  :host {
    display: inline-block;
    max-width: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    vertical-align: bottom;
  }
  /* Cut at its own end, which is the left one of what is written from the right. */
  span {
    display: block;
    overflow: hidden;
    text-overflow: inherit;
  }
`;

/** The name of a participant: of the tile that it stands in, or chosen as `<wf-tile>` chooses. `empty` when it is nobody. */
export class Name extends Drawn implements Selector {
  static override styles = [...Drawn.styles, inline];
  static override properties = chosenBy;

  declare speaker: boolean;
  declare screen: boolean;
  declare identity: string | null;
  declare named: string | null;
  declare index: number | null;
  declare other: number | null;

  get #who(): Participant | undefined {
    const tile = this.closest("wf-tile");
    const chosen = Object.keys(chosenBy).some((attribute) => this.hasAttribute(attribute));
    if (tile instanceof Tile && !chosen) return tile.participant;
    return this.moment ? whoIs(this, this.moment.room) : undefined;
  }

  protected override render(): TemplateResult {
    const name = this.#who?.name ?? "";
    this.toggleAttribute("empty", name === "");
    return text(name);
  }
}

/** The recording's title; what stands inside when the theme has none. */
export class Title extends Drawn {
  static override styles = [...Drawn.styles, inline];

  protected override render(): TemplateResult {
    const title = this.state?.theme.title ?? "";
    return title === "" ? html`<slot></slot>` : text(title);
  }
}

/** The theme's logo; what stands inside when it has none. */
export class Logo extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      :host {
        display: inline-block;
        height: 2rem;
      }
      img {
        display: block;
        max-width: 100%;
        height: 100%;
        object-fit: contain;
      }
    `,
  ];

  protected override render(): TemplateResult {
    const image = this.state?.theme.logo?.image;
    return image ? html`<img src=${image} alt="" @error=${remove} />` : html`<slot></slot>`;
  }
}

function remove({ target }: Event): void {
  if (target instanceof Element) target.remove();
}

/** How many people there are. */
export class Count extends Drawn {
  static override styles = [...Drawn.styles, inline];

  protected override render(): TemplateResult {
    return html`${this.state?.participants.length ?? 0}`;
  }
}

/** The time since the beginning, or, with `kind="time"`, the time of day. */
export class Clock extends Drawn {
  static override styles = [
    ...Drawn.styles,
    inline,
    css`
      :host {
        font-variant-numeric: tabular-nums;
      }
      .clock {
        color: inherit;
        font: inherit;
      }
    `,
  ];
  static override properties = { kind: {} };

  declare kind: string | null;
  #clock: ClockOverlay | null = null;

  protected override render(): TemplateResult {
    this.#clock ??= new ClockOverlay(this.kind === "time" ? "time" : "elapsed");
    return html`${this.#clock.element}`;
  }

  override show(moment: Moment): number | undefined {
    if (moment.startedAt !== null) this.#clock?.begin(moment.startedAt);
    return super.show(moment);
  }

  protected override updated(): void {
    const since = this.moment?.startedAt ?? null;
    if (since !== null) this.#clock?.begin(since);
  }
}
