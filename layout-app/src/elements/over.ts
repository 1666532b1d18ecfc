import { css, html, nothing, type TemplateResult } from "lit";
import { BannerOverlay, CaptionOverlay, CardOverlay, icon, ReactionOverlay, TickerOverlay } from "../overlays";
import type { Moment } from "../template/recording";
import { Drawn } from "./drawn";

/** Emoji that rise, with the names of who sent them. */
export class Reactions extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      :host {
        position: relative;
        overflow: hidden;
        pointer-events: none;
      }
      .reactions > .reaction {
        left: calc(var(--lane) * 34%);
        bottom: 0;
        width: 32%;
      }
      .reaction__name {
        max-width: 100%;
      }
    `,
  ];
  readonly #overlay = new ReactionOverlay();

  protected override render(): TemplateResult {
    return html`${this.#overlay.element}`;
  }

  override show(moment: Moment): number | undefined {
    this.#overlay.show(moment.theme.overlays.reactions ? moment.room.reactions : [], () => null);
    return super.show(moment);
  }
}

/** What is said, as text, wherever it is wanted: that the theme has no captions means its own strip. */
export class Captions extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      :host {
        color: var(--text);
      }
      .captions {
        position: static;
        height: auto;
        padding: 0;
      }
      .caption__lines {
        color: inherit;
      }
    `,
  ];
  readonly #overlay = new CaptionOverlay();

  protected override render(): TemplateResult {
    return html`${this.#overlay.element}`;
  }

  override show(moment: Moment): number | undefined {
    this.#overlay.show(moment.room.captions);
    this.toggleAttribute("empty", moment.room.captions.length === 0);
    return super.show(moment);
  }
}

/** The line that the room has pinned. */
export class Pinned extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      .pinned {
        position: static;
        margin: 0;
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    const pinned = this.state?.pinned;
    this.toggleAttribute("empty", !pinned);
    if (!pinned) return nothing;
    return html`<div class="pinned pinned--shown" part="line">
      ${icon("pin")}
      <div class="pinned__body">
        <span class="pinned__name" part="name" dir="auto">${pinned.name}</span>
        <p class="pinned__text" part="text" dir="auto">${pinned.text}</p>
      </div>
    </div>`;
  }
}

/** The lower third, when it is time for one: the theme's, or what is asked for while recording. */
export class LowerThird extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      .third {
        position: static;
        margin: 0;
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    const third = this.moment?.third;
    const shown = this.moment?.programme.lowerThird === true;
    this.toggleAttribute("empty", !third || !shown);
    if (!third) return nothing;
    return html`<div class="third ${shown ? "third--shown" : ""}" part="card">
      <div class="third__headline" part="headline" dir="auto">${third.headline}</div>
      ${third.detail ? html`<div class="third__detail" part="detail" dir="auto">${third.detail}</div>` : nothing}
    </div>`;
  }
}

/** The line that is asked for while recording. */
export class Banner extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      .banner {
        position: static;
        margin: 0;
      }
      :host([empty]) {
        display: none;
      }
    `,
  ];
  readonly #overlay = new BannerOverlay();

  protected override render(): TemplateResult {
    return html`${this.#overlay.element}`;
  }

  override show(moment: Moment): number | undefined {
    this.#overlay.write(moment.banner);
    this.toggleAttribute("empty", moment.banner === null);
    return super.show(moment);
  }
}

/** A line that runs: the theme's ticker, or the text inside. */
export class Ticker extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      :host {
        height: 2.5rem;
        overflow: hidden;
        container-type: inline-size;
      }
      .ticker {
        position: static;
        background: none;
        color: inherit;
        font: inherit;
      }
      .ticker__text {
        min-width: 100cqw;
      }
    `,
  ];
  static override properties = { speed: { type: Number } };

  declare speed: number | null;
  #overlay: TickerOverlay | null = null;
  #says = "";

  protected override render(): TemplateResult {
    return html`${this.#overlay?.element}`;
  }

  override show(moment: Moment): number | undefined {
    const speed = this.speed ?? 90;
    const ticker = moment.theme.overlays.ticker ?? { text: this.textContent?.trim() ?? "", speed };
    const says = JSON.stringify(ticker);
    if (says !== this.#says) this.#overlay = ticker.text === "" ? null : new TickerOverlay(ticker);
    this.#says = says;
    return super.show(moment);
  }

  protected override updated(): void {
    if (!this.moment) return;
    this.#overlay?.show(this.clientHeight, Math.min(innerWidth, innerHeight) / 720, this.moment.theme.tiles.motion);
  }
}

/** The theme's intro and outro, over everything else. */
export class Cards extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      :host {
        position: fixed;
        z-index: 1000;
        inset: 0;
        pointer-events: none;
      }
    `,
  ];
  #intro: CardOverlay | null = null;
  #outro: CardOverlay | null = null;
  #theme: Moment["theme"] | null = null;

  protected override render(): TemplateResult {
    return html`${this.#intro?.element}${this.#outro?.element}`;
  }

  override show(moment: Moment): number | undefined {
    const { theme } = moment;
    if (theme !== this.#theme) {
      const { intro, outro } = theme.overlays;
      this.#intro = intro && new CardOverlay(intro, theme);
      this.#outro = outro && new CardOverlay(outro, theme);
      this.#theme = theme;
    }
    this.#intro?.show(moment.programme.intro);
    this.#outro?.show(moment.over);
    return super.show(moment);
  }
}
