import { html, nothing, type TemplateResult } from "lit";
import type { Layout, PageConfig, Theme } from "../contract";
import { CONTRACT } from "../contract";
import { Frames } from "./frames";
import { icon } from "./icon";
import { isLive } from "./live";
import type { Result } from "./result";
import { resultCard, takeProgress } from "./result";
import { roomPanel } from "./room_panel";
import type { Field, Path } from "./schema";
import { fieldsOf, withValue } from "./schema";
import type { Contrast, Draft, News, Size, State, Trouble } from "./server";
import { hear, Refused, server } from "./server";
import type { Simulation } from "./simulation";
import { sceneOf, USUAL } from "./simulation";
import { HD, SIZES, sizeOf } from "./sizes";
import { themePanel } from "./theme_panel";

/** Nothing of what an operator may ask for while it is recorded. */
const ORDINARY = { spotlight: null, hidden: [], only: [], volume: {}, lower_third: null, banner: null };

/** So many of a page's complaints are kept. */
const MOST_TROUBLES = 30;
const TYPING_MS = 150;

/** What the designer sees: a room's controls, the page in its frame, a theme's values. */
export class Page {
  #state: State | null = null;
  #fields: Field[] = [];
  #theme: unknown = {};
  /** As it is in the file. */
  #saved: unknown = {};
  #resolved: Theme | null = null;
  #contrasts: readonly Contrast[] = [];
  #trouble: Trouble | null = null;
  #simulation: Simulation = USUAL;
  #layout: Layout = "grid";
  #size: Size = HD;
  #room: Size = { width: 800, height: 450 };
  #status = "Loading…";
  #troubles: string[] = [];
  #outdated = false;
  #connected = true;
  #copied = false;
  #result: Result | null = null;
  #typing: ReturnType<typeof setTimeout> | undefined;
  readonly #frames = new Frames(() => this.#state?.site ?? "", {
    ready: (ms) => this.#say(`Ready after ${Math.round(ms)} ms`),
    late: () => this.#complain("The page has not said that it is ready; a recording would not begin."),
    failed: (message) => this.#complain(message),
    trouble: (text) => this.#complain(text),
    deaf: () => this.#reload(),
  });
  #shown: PageConfig | null = null;

  constructor(private readonly redraw: () => void) {}

  async start(): Promise<void> {
    hear(
      (news) => this.#hear(news),
      (connected) => {
        this.#connected = connected;
        this.redraw();
      },
    );
    addEventListener("beforeunload", (event) => {
      if (this.#isChanged()) event.preventDefault();
    });
    new ResizeObserver(() => this.#measure()).observe(document.documentElement);
    await this.#load();
    this.#measure();
  }

  draw(): TemplateResult {
    const state = this.#state;
    if (!state) return html`<p class="notice">${this.#status}</p>`;
    return html`<div class="workshop">
      ${this.#top(state)}
      ${roomPanel(this.#simulation, {
        change: (simulation) => this.#simulate(simulation),
        moment: (moment) => this.#frames.moment(moment),
      })}
      ${this.#middle()}
      ${themePanel(
        {
          fields: this.#fields,
          theme: this.#theme,
          resolved: this.#resolved ?? state.defaults,
          files: { image: state.images, video: state.videos },
          contrasts: this.#contrasts,
          trouble: this.#trouble,
          changed: this.#isChanged(),
          folder: state.folder !== null,
          copied: this.#copied,
        },
        {
          set: (path, value) => this.#set(path, value),
          save: () => void this.#save(),
          copy: () => void this.#copy(),
          reset: () => this.#edit(this.#saved),
        },
      )}
    </div>`;
  }

  #top(state: State): TemplateResult {
    const busy = this.#result?.kind === "busy";
    const canRecord = state.missing_programs.length === 0;
    const size = `${this.#size.width}x${this.#size.height}`;
    return html`<header class="top">
      <span class="mark" aria-hidden="true"></span>
      <h1>
        Workshop <span class="hint"><bdi>${state.name}</bdi></span>
      </h1>
      <span class="top__space"></span>
      <label class="top__choice"
        ><span>Layout</span>
        <select
          @change=${(event: Event) => this.#look({ layout: (event.target as HTMLSelectElement).value as Layout })}
        >
          ${state.layouts.map((each) => html`<option value=${each} ?selected=${each === this.#layout}>${each}</option>`)}
        </select>
      </label>
      <label class="top__choice"
        ><span>Frame</span>
        <select @change=${(event: Event) => this.#look({ size: sizeOf((event.target as HTMLSelectElement).value) })}>
          ${SIZES.map(([name, { width, height }]) => {
            const value = `${width}x${height}`;
            return html`<option value=${value} ?selected=${value === size}>${name} · ${width}×${height}</option>`;
          })}
        </select>
      </label>
      <button class="plain" type="button" ?disabled=${busy} @click=${() => void this.#takePicture()}>
        ${icon("picture")} Picture
      </button>
      <button
        class="plain"
        type="button"
        ?disabled=${busy || !canRecord}
        title=${canRecord ? "By the real recorder" : `Not installed: ${state.missing_programs.join(", ")}; see wallflower doctor`}
        @click=${() => void this.#record()}
      >
        ${icon("record")} Record ${state.take_seconds} s
      </button>
      <button class="plain" type="button" ?disabled=${busy} @click=${() => void this.#check()}>
        ${icon("check")} Check
      </button>
    </header>`;
  }

  #middle(): TemplateResult {
    const { width, height } = this.#size;
    const scale = Math.min(this.#room.width / width, this.#room.height / height, 1);
    const style = `width:${width * scale}px;height:${height * scale}px;--scale:${scale};--width:${width}px;--height:${height}px`;
    return html`<main class="middle">
      ${this.#connected ? nothing : html`<p class="banner banner--bad">The workshop’s server has gone; start it again.</p>`}
      ${
        this.#outdated
          ? html`<p class="banner">
              theme.json has been changed in the folder.
              <button class="plain" type="button" @click=${() => void this.#load()}>${icon("reload")} Load it</button>
            </p>`
          : nothing
      }
      <div class="easel"><div class="canvas" style=${style}>${this.#frames.element}</div></div>
      <footer class="status">
        <span>${width}×${height} · ${Math.round(scale * 100)} %</span>
        <span class="status__text">${this.#status}</span>
        <button class="plain plain--small" type="button" title="Load the page anew" @click=${() => this.#reload()}>
          ${icon("reload")}<span class="sr">Load the page anew</span>
        </button>
      </footer>
      ${
        this.#troubles.length > 0
          ? html`<details class="troubles">
              <summary>
                ${icon("warning")} ${this.#troubles.length} from the page’s console: ${this.#troubles.at(-1)}
              </summary>
              <ol>
                ${this.#troubles.map((text) => html`<li>${text}</li>`)}
              </ol>
            </details>`
          : nothing
      }
      ${this.#result ? resultCard(this.#result, () => this.#show(null)) : nothing}
    </main>`;
  }

  async #load(): Promise<void> {
    try {
      const state = await server.state();
      this.#state = state;
      this.#fields = fieldsOf(state.schema);
      this.#outdated = false;
      this.#saved = state.theme ?? {};
      this.#theme = this.#saved;
      await this.#resolve();
      if (state.theme_fault) this.#trouble = withLine(state.theme_fault);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#status = error.message;
    }
    this.redraw();
  }

  #hear(news: News): void {
    switch (news.type) {
      case "changed":
        void this.#refresh(news.files);
        break;
      case "take":
        if (this.#result?.kind === "busy")
          this.#show(takeProgress(news.at, news.seconds, this.#state?.take_seconds ?? 10));
        break;
      case "check":
        if (this.#result?.kind === "busy") {
          this.#show({ ...this.#result, detail: `${news.done} of ${news.of} scenes`, share: news.done / news.of });
        }
        break;
    }
  }

  /** A file of the folder was saved. What the designer has not saved here is kept. */
  async #refresh(files: readonly string[]): Promise<void> {
    const state = await server.state().catch(() => null);
    if (!state) return;
    const isPage = files.some((file) => file !== "theme.json");
    if (isPage) this.#shown = null;
    // What was saved here comes back as news.
    const another = state.theme_text !== this.#state?.theme_text;
    if (another && !this.#isChanged()) {
      await this.#load();
      return;
    }
    this.#outdated ||= another;
    // The text is that of the theme which is edited, until the other is loaded.
    this.#state = { ...state, theme_text: this.#state?.theme_text ?? null };
    if (isPage) await this.#resolve();
    this.redraw();
  }

  #simulate(simulation: Simulation): void {
    const again = simulation.intro !== this.#simulation.intro;
    this.#simulation = simulation;
    if (again) this.#reload();
    else this.#frames.direct(sceneOf(simulation));
    this.redraw();
  }

  #set(path: Path, value: unknown): void {
    this.#edit(withValue(this.#theme, path, value));
  }

  #edit(theme: unknown): void {
    this.#theme = theme;
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => void this.#resolve(), TYPING_MS);
    this.redraw();
  }

  /** Has the server say what the theme comes to, and shows it. */
  async #resolve(): Promise<void> {
    const asked = this.#theme;
    try {
      const { theme, contrasts } = await server.resolve(asked);
      if (asked !== this.#theme) return;
      this.#trouble = null;
      this.#resolved = theme;
      this.#contrasts = contrasts;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#trouble = error.trouble;
      // A file that can't be read at all is shown as it would be without it.
      this.#resolved ??= this.#state?.defaults ?? null;
    }
    this.#apply();
  }

  #look(change: { layout?: Layout; size?: Size }): void {
    this.#layout = change.layout ?? this.#layout;
    this.#size = change.size ?? this.#size;
    this.#apply();
  }

  /** Shows what is wanted, in the page that is there if that can be told of it. */
  #apply(): void {
    const [shown, wanted] = [this.#shown, this.#wanted()];
    if (!wanted) return;
    const { layout, theme } = wanted;
    if (shown && isLive(shown, wanted) && this.#frames.look({ ...ORDINARY, layout, theme })) {
      this.#shown = wanted;
      this.redraw();
    } else {
      this.#reload();
    }
  }

  #reload(): void {
    const config = this.#wanted();
    if (!config) return;
    this.#troubles = [];
    this.#shown = config;
    this.#frames.show(config);
    this.redraw();
  }

  #wanted(): PageConfig | null {
    if (!this.#resolved) return null;
    return {
      contract: CONTRACT,
      recording: "workshop",
      room: { kind: "simulated", scene: sceneOf(this.#simulation), director: location.origin },
      size: this.#size,
      fps: 30,
      ...ORDINARY,
      layout: this.#layout,
      theme: this.#withoutIntro(this.#resolved),
    };
  }

  async #save(): Promise<void> {
    try {
      const { theme_text } = await server.save(this.#theme, this.#state?.theme_text ?? null);
      this.#saved = this.#theme;
      this.#outdated = false;
      if (this.#state) this.#state = { ...this.#state, theme_text };
      this.#say("theme.json is saved");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#show({ kind: "refused", title: "Not saved", message: error.message });
    }
  }

  async #copy(): Promise<void> {
    await navigator.clipboard.writeText(`${JSON.stringify(this.#theme, null, 2)}\n`);
    this.#copied = true;
    this.redraw();
    setTimeout(() => {
      this.#copied = false;
      this.redraw();
    }, 2000);
  }

  /** It would be in the way after each change. */
  #withoutIntro<T>(theme: T): T {
    return this.#simulation.intro ? theme : (withValue(theme, ["overlays", "intro"], null) as T);
  }

  #takePicture(): Promise<void> {
    return this.#ask("Taking a picture", "In a browser without a display, at its true size", async (draft, name) => {
      const url = URL.createObjectURL(await server.picture({ ...draft, theme: this.#withoutIntro(draft.theme) }));
      return { kind: "picture", url, name: `${name}.png` };
    });
  }

  #record(): Promise<void> {
    return this.#ask("Recording", "The recorder starts", async (draft, name) => {
      const taken = await server.take(draft);
      return { kind: "take", url: `/api/take?${Date.now()}`, name: `${name}.mp4`, taken };
    });
  }

  #check(): Promise<void> {
    const unsaved = this.#isChanged() ? "What is not saved is not looked at. " : "";
    return this.#ask("Checking", `${unsaved}The folder is looked at in many rooms and sizes`, async () => ({
      kind: "report",
      report: await server.check(),
    }));
  }

  async #ask(title: string, detail: string, work: (draft: Draft, name: string) => Promise<Result>): Promise<void> {
    const [layout, size] = [this.#layout, this.#size];
    const draft = { theme: this.#theme, layout, scene: sceneOf(this.#simulation), size };
    this.#show({ kind: "busy", title, detail, share: null });
    try {
      this.#show(await work(draft, `${layout}-${size.width}x${size.height}`));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#show({ kind: "refused", title: `${title} failed`, message: error.message });
    }
  }

  #show(result: Result | null): void {
    if (this.#result?.kind === "picture" && result !== this.#result) URL.revokeObjectURL(this.#result.url);
    this.#result = result;
    this.redraw();
  }

  #isChanged(): boolean {
    return JSON.stringify(this.#theme) !== JSON.stringify(this.#saved);
  }

  #say(status: string): void {
    this.#status = status;
    this.redraw();
  }

  #complain(text: string): void {
    this.#troubles = [...this.#troubles, text].slice(-MOST_TROUBLES);
    this.redraw();
  }

  #measure(): void {
    const easel = document.querySelector(".easel");
    if (!easel) return;
    const { clientWidth: width, clientHeight: height } = easel;
    if (width === this.#room.width && height === this.#room.height) return;
    this.#room = { width, height };
    this.redraw();
  }
}

function withLine(trouble: Trouble): Trouble {
  return trouble.line ? { ...trouble, message: `theme.json, line ${trouble.line}: ${trouble.message}` } : trouble;
}
