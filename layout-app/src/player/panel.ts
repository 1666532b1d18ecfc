import { html, nothing, type TemplateResult } from "lit";
import type { SharedAttendee } from "../contract/generated/SharedAttendee";
import { scriptLanguage } from "../model";
import { hueOf } from "../overlays/hue";
import { icon, type IconName } from "./icon";
import { vars } from "./vars";
import { lastBegun, type Cue } from "./vtt";
import { clock, initials, length } from "./words";

export type Tab = "chat" | "chapters" | "people";

export interface PanelState {
  chat: readonly Cue[];
  chapters: readonly Cue[];
  people: readonly SharedAttendee[];
  tab: Tab;
  /** Where the recording is, in seconds. */
  now: number;
  /** The chat goes along. */
  follows: boolean;
}

export interface PanelActions {
  show(tab: Tab): void;
  seek(time: number): void;
  /** Somebody reads at a place of their own. */
  stray(): void;
  follow(): void;
}

const TABS: readonly [Tab, IconName, string][] = [
  ["chat", "chat", "Chat"],
  ["chapters", "chapters", "Chapters"],
  ["people", "people", "People"],
];

/** Those that there is something in. */
export function tabsOf({ chat, chapters, people }: Pick<PanelState, "chat" | "chapters" | "people">): Tab[] {
  const filled = { chat: chat.length > 0, chapters: chapters.length > 0, people: people.length > 0 };
  return TABS.map(([tab]) => tab).filter((tab) => filled[tab]);
}

/** What goes with the picture, beside it. */
export function panel(state: PanelState, actions: PanelActions): TemplateResult | typeof nothing {
  const tabs = tabsOf(state);
  if (tabs.length === 0) return nothing;
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = by === undefined ? undefined : tabs.at((tabs.indexOf(state.tab) + by) % tabs.length);
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    actions.show(next);
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  const of = { chat: chatLines, chapters: chapterList, people: peopleList }[state.tab];
  return html`<aside class="panel" aria-label="About the recording">
    <div class="tabs" role="tablist" @keydown=${step}>
      ${TABS.filter(([tab]) => tabs.includes(tab)).map(
        ([tab, symbol, label]) =>
          html`<button
            type="button"
            role="tab"
            id="tab-${tab}"
            class="tab"
            aria-selected=${tab === state.tab}
            aria-controls="panel"
            tabindex=${tab === state.tab ? 0 : -1}
            @click=${() => actions.show(tab)}
          >
            ${icon(symbol)}<span>${label}</span>
          </button>`,
      )}
    </div>
    <div class="panel__body" id="panel" role="tabpanel" aria-labelledby="tab-${state.tab}">${of(state, actions)}</div>
  </aside>`;
}

function chatLines({ chat, now, follows }: PanelState, actions: PanelActions): TemplateResult {
  const last = lastBegun(chat, now);
  const strays = () => actions.stray();
  return html`<ol class="lines" tabindex="0" aria-label="Chat" @wheel=${strays} @touchmove=${strays} @keydown=${strays}>
      ${chat.map(({ from, voice, text }, at) => {
        const when = at === last ? "line line--now" : at > last ? "line line--later" : "line";
        return html`<li class=${when}>
          <button type="button" @click=${() => actions.seek(from)}>
            <span class="line__head">
              <span class="line__name" dir="auto" ${vars({ "--hue": String(hueOf(voice)) })}>${voice}</span>
              <span class="line__time">${clock(from)}</span>
            </span>
            <span class="line__text" dir="auto" lang=${scriptLanguage(text) ?? ""}>${text}</span>
          </button>
        </li>`;
      })}
    </ol>
    ${follows ? nothing : html`<button type="button" class="follow" @click=${() => actions.follow()}>Follow the recording</button>`}`;
}

function chapterList({ chapters, now }: PanelState, actions: PanelActions): TemplateResult {
  const current = lastBegun(chapters, now);
  return html`<ol class="chapters">
    ${chapters.map(({ from, to, text }, at) => {
      const past = at < current ? 1 : at > current ? 0 : (now - from) / Math.max(0.1, to - from);
      return html`<li>
        <button
          type="button"
          class="chapter"
          aria-current=${at === current ? "true" : "false"}
          ${vars({ "--past": `${Math.min(1, Math.max(0, past)) * 100}%` })}
          @click=${() => actions.seek(from)}
        >
          <span class="chapter__time">${clock(from)}</span>
          <span class="chapter__title" dir="auto">${text}</span>
        </button>
      </li>`;
    })}
  </ol>`;
}

function peopleList({ people }: PanelState): TemplateResult {
  return html`<ul class="people">
    ${people.map(
      ({ name, total_s, spoke_s }) =>
        html`<li class="person">
          <span class="person__face" aria-hidden="true" ${vars({ "--hue": String(hueOf(name)) })}
            >${initials(name)}</span
          >
          <span class="person__name" dir="auto">${name}</span>
          <span class="person__time">
            ${length(total_s)}${spoke_s >= 1 ? html`<span class="person__spoke">, spoke ${length(spoke_s)}</span>` : nothing}
          </span>
        </li>`,
    )}
  </ul>`;
}
