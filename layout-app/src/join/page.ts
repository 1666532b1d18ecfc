import { html, nothing, type TemplateResult } from "lit";
import type { Size } from "../stage";
import { invitation, isRoomName, socketUrl, toRoomName } from "./address";
import { Call } from "./call";
import { chat } from "./chat";
import { controls } from "./controls";
import { Devices } from "./devices";
import { icon } from "./icon";
import { lobby } from "./lobby";
import { Loudness } from "./loudness";
import { Stage, type Seen } from "./stage";
import type { Device } from "./trouble";

const NAME_KEY = "wallflower.name";
const METER_INTERVAL_MS = 80;

/**
 * What a person sees.
 *
 * ```text
 * naming (no room given) ─▶ [page of that room]
 * lobby ── join ──▶ call ── leave ──▶ left ── rejoin ──▶ call
 *                    └── refused, closed ──▶ left
 * ```
 */
type Phase = { at: "naming" } | { at: "lobby" } | { at: "call"; call: Call } | { at: "left"; reason: string };

export class Page {
  #phase: Phase;
  #name = recalledName();
  #devices = new Devices();
  readonly #loudness = new Loudness();
  #stage = new Stage(() => this.#update());
  #stageSize: Size = { width: 1280, height: 640 };
  #chatOpen = false;
  #linesRead = -1;
  #reactionsOpen = false;
  #linkCopied = false;
  /** Who left with the camera off comes back with it off. */
  #mediaBefore = { mic: true, camera: true };
  #drawing = false;
  #meter: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly room: string | null,
    private readonly asked: string,
    private readonly redraw: () => void,
  ) {
    this.#phase = room === null ? { at: "naming" } : { at: "lobby" };
  }

  start(): void {
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("pointerdown", (event) => this.#pointer(event));
    window.addEventListener("pagehide", () => {
      if (this.#phase.at === "call") this.#phase.call.leave();
    });
    new ResizeObserver(() => this.#measure()).observe(document.documentElement);
    this.redraw();
    if (this.room === null) return;
    document.title = `${this.room} · Wallflower room`;
    this.#useDevices({ mic: true, camera: true });
    this.#meter = setInterval(() => this.#update(), METER_INTERVAL_MS);
  }

  draw(): TemplateResult {
    switch (this.#phase.at) {
      case "naming":
        return this.#naming();
      case "lobby":
        return lobby(this.room ?? "", this.#name, this.#devices, this.#loudness.level(), {
          named: (name) => {
            this.#name = name;
            this.#update();
          },
          toggle: (device) => void this.#devices.toggle(device),
          join: () => this.#join(),
        });
      case "call":
        return this.#inCall(this.#phase.call);
      case "left":
        return this.#left(this.#phase.reason);
    }
  }

  /** Draws once, however much changes at a time. */
  #update(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      if (this.#phase.at === "call") this.#follow(this.#phase.call);
      const lines = document.querySelector(".lines");
      // Whoever scrolled up to read is left there.
      const atEnd = !lines || lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
      this.redraw();
      if (atEnd) document.querySelector(".lines")?.scrollTo({ top: Number.MAX_SAFE_INTEGER });
      this.#measure();
    });
  }

  #useDevices(wanted: { mic: boolean; camera: boolean }): void {
    this.#devices.onChange = (device) => {
      if (device === "mic") this.#loudness.listenTo(this.#devices.track("mic"));
      if (this.#phase.at === "call" && !this.#devices.isBusy(device)) this.#phase.call.switched(device);
      this.#update();
    };
    void this.#devices.start(wanted);
  }

  #join(): void {
    const name = this.#name.trim();
    if (this.room === null || name === "") return;
    clearInterval(this.#meter);
    rememberName(name);
    this.#loudness.wake();
    const url = socketUrl(new URL(location.href), this.room);
    this.#linesRead = -1;
    this.#stage = new Stage(() => this.#update());
    this.#phase = { at: "call", call: new Call(url, name, this.#devices, this.#loudness, () => this.#update()) };
    this.#update();
  }

  /** What follows from a change in the call. */
  #follow(call: Call): void {
    if (call.standing.at === "out") {
      this.#leave(call.standing.reason);
      return;
    }
    if (this.#chatOpen) this.#linesRead = call.talk.chat.at(-1)?.key ?? this.#linesRead;
  }

  #leave(reason: string): void {
    if (this.#phase.at !== "call") return;
    const { call } = this.#phase;
    this.#mediaBefore = call.media;
    call.leave();
    this.#devices.close();
    this.#loudness.listenTo(null);
    this.#chatOpen = false;
    this.#reactionsOpen = false;
    this.#phase = { at: "left", reason };
    this.#update();
  }

  #rejoin(): void {
    this.#devices = new Devices();
    this.#useDevices(this.#mediaBefore);
    this.#join();
  }

  #naming(): TemplateResult {
    const go = (event: Event) => {
      event.preventDefault();
      const field = (event.currentTarget as HTMLFormElement).elements.namedItem("room") as HTMLInputElement;
      const room = toRoomName(field.value);
      field.setCustomValidity(isRoomName(room) ? "" : "Use letters of the Latin alphabet, digits, - and _.");
      if (field.reportValidity()) location.search = `?room=${encodeURIComponent(room)}`;
    };
    return html`<main class="card">
      <h1>Join a room</h1>
      <p>Everybody who names the same room meets in it.</p>
      <form class="entrance" @submit=${go}>
        <label for="room">Room</label>
        <input
          id="room"
          name="room"
          required
          maxlength="64"
          autocapitalize="none"
          autocomplete="off"
          spellcheck="false"
          enterkeyhint="go"
          placeholder="weekly-call"
          .value=${this.asked}
          @input=${(event: Event) => (event.target as HTMLInputElement).setCustomValidity("")}
          autofocus
        />
        ${this.asked ? html`<p class="hint">A room's name has letters of the Latin alphabet, digits, - and _, at most 64.</p>` : nothing}
        <button class="primary" type="submit">Continue</button>
      </form>
    </main>`;
  }

  #left(reason: string): TemplateResult {
    return html`<main class="card">
      <h1>${reason === "" ? "You left the room" : "You are out of the room"}</h1>
      <p>${reason || html`Room <strong>${this.room}</strong> goes on without you.`}</p>
      <button class="primary" @click=${() => this.#rejoin()}>Join again</button>
    </main>`;
  }

  #inCall(call: Call): TemplateResult {
    const { talk } = call;
    const people = this.#everybody(call);
    const unread = talk.chat.filter(({ key, from, old }) => !old && key > this.#linesRead && from !== talk.id).length;
    return html`<div class="room ${this.#chatOpen ? "room--chat" : ""}">
      <header class="top">
        <h1><bdi>${this.room}</bdi></h1>
        ${talk.recording ? html`<span class="recording"><span class="recording__dot"></span>Recording</span>` : nothing}
        <span class="top__space"></span>
        <span class="count" title="People in the room" aria-label="${people.length} in the room"
          >${icon("people")} ${people.length}</span
        >
        <button class="plain" title="Copy the link to this room" @click=${() => void this.#copyLink()}>
          ${icon(this.#linkCopied ? "check" : "link")}<span class="wide-only"
            >${this.#linkCopied ? "Copied" : "Copy link"}</span
          >
        </button>
      </header>
      ${this.#banners(call)}
      <main class="stage" aria-label="Participants">${this.#stage.draw(people, talk.reactions, this.#stageSize)}</main>
      ${
        this.#chatOpen
          ? chat(talk.chat, talk.id, { say: (text) => call.say(text), close: () => this.#toggleChat() })
          : nothing
      }
      ${controls(
        { devices: this.#devices, chatOpen: this.#chatOpen, unread, reactionsOpen: this.#reactionsOpen },
        {
          toggle: (device) => void this.#devices.toggle(device),
          chat: () => this.#toggleChat(),
          reactions: () => this.#toggleReactions(),
          react: (emoji) => call.react(emoji),
          leave: () => this.#leave(""),
        },
      )}
      <p class="aloud" role="status" aria-live="polite">${talk.announcement}</p>
    </div>`;
  }

  #banners(call: Call): TemplateResult {
    const trouble = (["mic", "camera", "screen"] as const satisfies readonly Device[])
      .map((device) => this.#devices.trouble(device))
      .find((sentence) => sentence !== null);
    const { standing } = call;
    return html`<div class="banners" role="status">
      ${standing.at === "joining" ? html`<p class="banner">Joining…</p>` : nothing}
      ${
        standing.at === "rejoining"
          ? html`<p class="banner banner--alert">
              ${standing.everReached ? "The connection to the room was lost." : "The room can't be reached."} Trying
              again…
            </p>`
          : nothing
      }
      ${
        call.soundBlocked
          ? html`<p class="banner">
              The browser keeps the others silent until you ask for sound.
              <button class="plain" @click=${() => call.unblockSound()}>${icon("sound")} Turn on sound</button>
            </p>`
          : nothing
      }
      ${this.#devices.isOn("screen") ? html`<p class="banner">You are sharing your screen.</p>` : nothing}
      ${trouble ? html`<p class="banner">${trouble}</p>` : nothing}
    </div>`;
  }

  #everybody(call: Call): Seen[] {
    const { talk, heard } = call;
    const own: Seen = {
      id: talk.id,
      name: call.name,
      media: call.media,
      camera: this.#devices.track("camera"),
      screen: null,
      self: true,
      speaking: heard.includes(talk.id),
    };
    const others = talk.others.map(({ id, name, media }): Seen => {
      const received = call.received(id);
      return {
        id,
        name,
        media,
        camera: received?.camera ?? null,
        screen: received?.screen ?? null,
        self: false,
        speaking: heard.includes(id),
      };
    });
    return [...others, own];
  }

  #toggleChat(): void {
    this.#chatOpen = !this.#chatOpen;
    this.#reactionsOpen = false;
    this.#update();
    queueMicrotask(() => {
      const field = document.querySelector<HTMLTextAreaElement>(".chat textarea");
      if (field) field.focus();
      else document.querySelector<HTMLButtonElement>(".badge-anchor button")?.focus();
    });
  }

  #toggleReactions(): void {
    this.#reactionsOpen = !this.#reactionsOpen;
    this.#update();
    if (this.#reactionsOpen) queueMicrotask(() => document.querySelector<HTMLButtonElement>(".emoji")?.focus());
  }

  async #copyLink(): Promise<void> {
    const link = invitation(new URL(location.href), this.room ?? "");
    try {
      await navigator.clipboard.writeText(link);
      this.#linkCopied = true;
      setTimeout(() => {
        this.#linkCopied = false;
        this.#update();
      }, 2000);
    } catch {
      // Without https there is no clipboard: the person copies it by hand.
      window.prompt("Copy this link and send it:", link);
    }
    this.#update();
  }

  #key(event: KeyboardEvent): void {
    if (this.#phase.at !== "call") return;
    if (event.key === "Escape") {
      if (this.#reactionsOpen) this.#toggleReactions();
      else if (this.#chatOpen) this.#toggleChat();
      return;
    }
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || target.closest("input, textarea")) return;
    switch (event.key.toLowerCase()) {
      case "m":
        void this.#devices.toggle("mic");
        break;
      case "v":
        void this.#devices.toggle("camera");
        break;
      case "c":
        event.preventDefault();
        this.#toggleChat();
        break;
      case "r":
        this.#toggleReactions();
        break;
    }
  }

  #pointer(event: PointerEvent): void {
    this.#loudness.wake();
    if (this.#reactionsOpen && !(event.target as HTMLElement).closest(".popover-anchor")) this.#toggleReactions();
  }

  #measure(): void {
    const stage = document.querySelector(".stage");
    if (!stage) return;
    const { clientWidth: width, clientHeight: height } = stage;
    if (width === this.#stageSize.width && height === this.#stageSize.height) return;
    this.#stageSize = { width, height };
    this.#update();
  }
}

/** Storage may be forbidden; then the name is asked for every time. */
function recalledName(): string {
  try {
    return localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    return "";
  }
}

function rememberName(name: string): void {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // See recalledName.
  }
}
