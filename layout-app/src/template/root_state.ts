import { notice } from "../overlays";
import overlays from "../overlays/overlays.css?inline";
import { frameKind } from "../stage";
import { DEFAULT_THEME } from "../theme";
import type { TemplateState } from "./state";
import { inherited } from "./theme_sheet";

/**
 * The state of the room as attributes of the document's element, so that a style sheet can follow it without a script:
 * `html[data-wf-screen] .panel { … }`.
 */
export class RootState {
  constructor(private readonly root: HTMLElement) {}

  show(state: TemplateState): void {
    const { connection, participants, screens, pinned, captions, chat, hands, layout } = state;
    this.#say("wfConnection", connection);
    this.#say("wfPeople", String(participants.length));
    this.#say("wfLayout", layout);
    this.#say("wfFrame", frameKind({ width: innerWidth, height: innerHeight }));
    this.#flag("wfScreen", screens.length > 0);
    this.#flag("wfPinned", pinned !== null);
    this.#flag("wfCaptions", captions.length > 0);
    // Stays: what makes room for captions does so once.
    if (captions.length > 0) this.#flag("wfCaptioned", true);
    this.#flag("wfChat", chat.length > 0);
    this.#flag("wfHands", hands.length > 0);
    this.#flag("wfStarted", state.startedAt !== null);
    this.#flag("wfOver", state.over);
  }

  /** For a person who has opened the page: what is recorded never gets here. */
  failed(message: string): void {
    const host = document.createElement("div");
    host.style.cssText = "position: fixed; inset: 0; z-index: 2147483647; background: var(--wf-background)";
    const shadow = host.attachShadow({ mode: "open" });
    const style = document.createElement("style");
    style.textContent = `:host { ${inherited(DEFAULT_THEME)} font-family: var(--font); } ${overlays}`;
    shadow.append(style, notice("alert", "This room can't be shown", message));
    document.body.append(host);
  }

  #say(name: string, value: string): void {
    if (this.root.dataset[name] !== value) this.root.dataset[name] = value;
  }

  #flag(name: string, on: boolean): void {
    if (on) this.#say(name, "");
    else this.root.removeAttribute(`data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  }
}
