import { css, LitElement, unsafeCSS } from "lit";
import overlays from "../overlays/overlays.css?inline";
import { connect } from "../template/connect";
import type { Moment, Part, Recording } from "../template/recording";
import type { TemplateState } from "../template/state";
import { stateOf } from "../template/state";
import { inherited } from "../template/theme_sheet";
import { DEFAULT_THEME } from "../theme";

/** What all elements look like inside: as the theme says, unless the template's own style sheet has set `--wf-…` otherwise. */
export const look = css`
  :host {
    ${unsafeCSS(inherited(DEFAULT_THEME))}
    display: block;
    box-sizing: border-box;
  }
  :host([hidden]) {
    display: none;
  }
  ${unsafeCSS(overlays)}
`;

/** An element that shows something of the recording, for as long as it is in the document. */
export abstract class Drawn extends LitElement implements Part {
  static override styles = [look];

  protected readonly recording: Recording = connect();
  protected moment: Moment | null = null;
  #leave: () => void = () => undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#leave = this.recording.draw(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#leave();
  }

  show(moment: Moment): number | undefined {
    this.moment = moment;
    this.requestUpdate();
    return undefined;
  }

  protected get state(): TemplateState | null {
    return this.moment && stateOf(this.moment);
  }
}

/** An element that is measured: it is drawn again when its own size changes, not only the frame's. */
export abstract class Sized extends Drawn {
  readonly #watch = new ResizeObserver(() => {
    if (this.moment) this.show(this.moment);
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.#watch.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch.disconnect();
  }
}
