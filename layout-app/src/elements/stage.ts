import { css, html, unsafeCSS, type TemplateResult } from "lit";
import type { Layout } from "../contract";
import { LAYOUTS } from "../contract";
import type { Moment } from "../template/recording";
import { StageView } from "../view";
import view from "../view/view.css?inline";
import { Drawn, Sized } from "./drawn";
import { listed, ofStage } from "./without";

/**
 * Everybody, in one of the layouts, in whatever space the element is given.
 *
 * - `layout`: one of the layouts; otherwise the recording's, which may change.
 * - `overlays`: draws all that the theme says over the tiles, title, chat and captions included.
 * - `without`: some of `names hands reactions`.
 */
export class Stage extends Sized {
  static override styles = [
    ...Drawn.styles,
    unsafeCSS(view),
    css`
      :host {
        position: relative;
        overflow: hidden;
      }
      .root {
        position: absolute;
        inset: 0;
      }
      .frame {
        background: none;
      }
    `,
  ];
  static override properties = { layout: {}, without: {}, overlays: { type: Boolean } };

  declare layout: string | null;
  declare without: string | null;
  declare overlays: boolean;
  #view: StageView | null = null;
  #theme = "";
  #began: number | null = null;
  #ended = false;

  protected override render(): TemplateResult {
    return html`<div class="root"></div>`;
  }

  protected override updated(): void {
    if (this.moment) this.#draw(this.moment);
  }

  override show(moment: Moment): number | undefined {
    this.moment = moment;
    return this.hasUpdated ? this.#draw(moment) : undefined;
  }

  #draw(moment: Moment): number {
    const theme = ofStage(moment.theme, this.overlays, listed(this.without));
    const view = this.#view ?? this.#make();
    const text = JSON.stringify(theme);
    if (text !== this.#theme) view.restyle(theme);
    this.#theme = text;
    if (moment.startedAt !== this.#began && moment.startedAt !== null) view.begin(moment.startedAt);
    this.#began = moment.startedAt;
    if (moment.over && !this.#ended) view.end();
    this.#ended = moment.over;
    if (this.overlays) view.dress(moment.third, moment.banner);
    return view.show(moment.room, this.#layoutOf(moment), moment.page, moment.programme);
  }

  #make(): StageView {
    const root = this.renderRoot.querySelector<HTMLElement>(".root");
    const { pictures } = this.recording;
    if (!root || !pictures || !this.moment) throw new Error("<wf-stage> is drawn before there is a room.");
    this.#view = new StageView(root, this.moment.theme, pictures.source, pictures.onFrame);
    return this.#view;
  }

  #layoutOf(moment: Moment): Layout {
    if (!this.layout) return moment.layout;
    const known = LAYOUTS.find((layout) => layout === this.layout);
    if (known) return known;
    console.warn(`<wf-stage layout="${this.layout}">: there is no such layout; it is one of ${LAYOUTS.join(", ")}.`);
    this.layout = null;
    return moment.layout;
  }
}
