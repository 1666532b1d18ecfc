import { html, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { scriptLanguage } from "../model";
import { hueOf } from "../overlays/hue";
import { icon } from "./icon";
import type { Line } from "./talk";

/** Longest line that the room takes. */
const LONGEST_LINE = 2000;

export interface ChatActions {
  say(text: string): void;
  close(): void;
}

/** The panel of chat. */
export function chat(lines: readonly Line[], ownId: string, actions: ChatActions): TemplateResult {
  const send = (form: HTMLFormElement) => {
    const field = form.elements.namedItem("line") as HTMLTextAreaElement;
    const text = field.value.trim();
    if (text !== "") actions.say(text);
    field.value = "";
  };
  return html`<aside class="chat" aria-label="Chat">
    <header>
      <h2>Chat</h2>
      <button type="button" class="plain" aria-label="Close chat" @click=${actions.close}>${icon("close")}</button>
    </header>
    <ol class="lines" role="log" aria-live="polite" tabindex="0">
      ${lines.length === 0 ? html`<li class="lines__none">Nobody has written yet.</li>` : ""}
      ${repeat(
        lines,
        ({ key }) => key,
        ({ from, name, text }, i) =>
          html`<li class=${lines[i - 1]?.from === from ? "line line--more" : "line"}>
            <span class="line__name" dir="auto" style="--hue:${hueOf(from)}">${from === ownId ? "You" : name}</span>
            <p dir="auto" lang=${scriptLanguage(text) ?? ""}>${text}</p>
          </li>`,
      )}
    </ol>
    <form
      @submit=${(event: Event) => {
        event.preventDefault();
        send(event.currentTarget as HTMLFormElement);
      }}
    >
      <textarea
        name="line"
        rows="1"
        maxlength=${LONGEST_LINE}
        dir="auto"
        placeholder="Write to everyone"
        aria-label="Write to everyone"
        enterkeyhint="send"
        @keydown=${(event: KeyboardEvent) => {
          // While an input method composes, Enter chooses a character.
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          (event.currentTarget as HTMLTextAreaElement).form?.requestSubmit();
        }}
      ></textarea>
      <button class="round round--small" aria-label="Send">${icon("send")}</button>
    </form>
  </aside>`;
}
