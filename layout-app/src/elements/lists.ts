import { css, html, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { styleMap } from "lit/directives/style-map.js";
import { participantOf } from "../model";
import { hueOf } from "../overlays";
import { Drawn } from "./drawn";

/**
 * What is written, the latest line below. Lines go after a while, as they do from the picture; with `keep` they stay until there is no
 * room for them. `lines`: at most so many, 6 if not said.
 */
export class Chat extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        justify-content: flex-end;
        gap: 0.7rem;
        overflow: hidden;
        color: var(--text);
        font-size: 1rem;
        line-height: 1.4;
      }
      /* A line that is half gone fades. */
      :host([keep]) {
        mask-image: linear-gradient(transparent, #000 1.6rem);
      }
      .line {
        flex: none;
        animation: enter 0.24s ease-out;
      }
      .name {
        display: block;
        overflow: hidden;
        color: color-mix(in oklab, var(--text) 45%, oklch(0.7 0.13 var(--hue)));
        font-size: 0.85em;
        font-weight: 600;
        text-overflow: ellipsis;
        white-space: nowrap;
        unicode-bidi: isolate;
      }
      .text {
        display: -webkit-box;
        overflow: hidden;
        margin: 0;
        overflow-wrap: anywhere;
        unicode-bidi: isolate;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 4;
      }
      @keyframes enter {
        from {
          opacity: 0;
          transform: translateY(0.5rem);
        }
      }
    `,
  ];
  static override properties = { lines: { type: Number }, keep: { type: Boolean } };

  declare lines: number | null;
  declare keep: boolean;

  protected override render(): TemplateResult {
    const all = (this.keep ? this.state?.chatLog : this.state?.chat) ?? [];
    const lines = all.slice(-Math.max(1, this.lines ?? 6));
    this.toggleAttribute("empty", lines.length === 0);
    return html`${repeat(
      lines,
      ({ id }) => id,
      ({ name, text }) => html`
        <div class="line" part="line" style=${styleMap({ "--hue": String(hueOf(name)) })}>
          <span class="name" part="name" dir="auto">${name}</span>
          <p class="text" part="text" dir="auto">${text}</p>
        </div>
      `,
    )}`;
  }
}

/** Whose hands are raised, in order. */
export class Hands extends Drawn {
  static override styles = [
    ...Drawn.styles,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem;
      }
      .name {
        overflow: hidden;
        max-width: 14rem;
        text-overflow: ellipsis;
        white-space: nowrap;
        unicode-bidi: isolate;
      }
    `,
  ];

  protected override render(): TemplateResult {
    const room = this.moment?.room;
    const raised = (this.state?.hands ?? []).flatMap((identity) => (room && participantOf(room, identity)) ?? []);
    this.toggleAttribute("empty", raised.length === 0);
    return html`${raised.map(({ name }) => html`<span class="name" part="name" dir="auto">✋ ${name}</span>`)}`;
  }
}
