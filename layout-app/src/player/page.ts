import { html, nothing, type TemplateResult } from "lit";
import type { SharedRecording } from "../contract/generated/SharedRecording";
import { controls } from "./controls";
import { icon } from "./icon";
import { keyed } from "./keys";
import type { Link, Trouble } from "./link";
import { Media } from "./media";
import { notice, troubled, unfinished, UNPLAYABLE } from "./notice";
import { panel, tabsOf, type Tab } from "./panel";
import { hueOf } from "../overlays/hue";
import { vars } from "./vars";
import { lastBegun, type Cue } from "./vtt";
import { length, moment, size } from "./words";

/** Between two looks at a recording that is not finished. */
const LOOK_INTERVAL_MS = 5000;
/** What covers the picture goes after so long without a hand on it. */
const IDLE_MS = 2500;
/** Whoever reads elsewhere in the chat is left there for so long. */
const STRAY_MS = 8000;

/**
 * What somebody with a link sees.
 *
 * ```text
 * loading ──▶ trouble (the link leads nowhere; the server is away: asked again)
 *    └──────▶ recording ── nothing to play yet: asked again
 *                 └─────── plays
 * ```
 */
export class Page {
  readonly #media: Media;
  #trouble: Trouble | null = null;
  #recording: SharedRecording | null = null;
  /** What there is once the live recording that is watched has ended. */
  #newer: SharedRecording | null = null;
  #chat: Cue[] = [];
  #chapters: Cue[] = [];
  #tab: Tab = "chat";
  #aimed: number | null = null;
  #idle = false;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #strayedUntil = 0;
  #shownLine = -1;
  #drawing = false;

  constructor(
    private readonly link: Link,
    private readonly redraw: () => void,
  ) {
    this.#media = new Media(link, () => this.#update());
  }

  start(): void {
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("fullscreenchange", () => this.#update());
    this.redraw();
    void this.#look();
  }

  async #look(): Promise<void> {
    const asked = await this.link.recording();
    if ("trouble" in asked) {
      // What is watched already is watched on.
      if (this.#media.source === null) {
        this.#trouble = asked.trouble;
        document.title = "Recording";
      }
      if (asked.trouble === "away") this.#lookAgain();
    } else {
      this.#trouble = null;
      await this.#take(asked.recording);
    }
    this.#update();
  }

  #lookAgain(): void {
    setTimeout(() => void this.#look(), LOOK_INTERVAL_MS);
  }

  async #take(recording: SharedRecording): Promise<void> {
    const isOver = recording.phase === "ready" || recording.phase === "nothing";
    if (!isOver) this.#lookAgain();
    if (this.#media.source !== null) {
      if (isOver) this.#newer = recording;
      return;
    }
    await this.#show(recording);
  }

  async #show(recording: SharedRecording): Promise<void> {
    this.#recording = recording;
    document.title = recording.title;
    // The link is to a file alone, and the server gives it as soon as it is there.
    if (recording.phase === "ready" && recording.sources.length === 0) return location.reload();
    [this.#chat, this.#chapters] = await Promise.all([
      this.link.cues(recording.chat),
      this.link.cues(recording.chapters),
    ]);
    this.#tab = tabsOf(this.#parts())[0] ?? "chat";
    if (recording.sources.length > 0) this.#media.open(recording.sources, recording.poster);
    const [, from] = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash) ?? [];
    if (from !== undefined) {
      this.#media.video.addEventListener("loadedmetadata", () => this.#media.seek(Number(from)), { once: true });
    }
  }

  #parts() {
    return { chat: this.#chat, chapters: this.#chapters, people: this.#recording?.attendance ?? [] };
  }

  #update(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.redraw();
      this.#follow();
    });
  }

  /** Keeps the line of the chat that was written last in sight. */
  #follow(): void {
    const line = lastBegun(this.#chat, this.#media.video.currentTime);
    if (this.#tab !== "chat" || line === this.#shownLine || !this.#follows()) return;
    this.#shownLine = line;
    const list = document.querySelector<HTMLElement>(".lines");
    const shown = list?.children[Math.max(0, line)] as HTMLElement | undefined;
    if (!list || !shown) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const top = shown.offsetTop - list.offsetTop - list.clientHeight * 0.55;
    list.scrollTo({ top, behavior: calm ? "auto" : "smooth" });
  }

  #follows(): boolean {
    return performance.now() >= this.#strayedUntil;
  }

  #stray(): void {
    if (this.#media.video.paused && this.#follows()) this.#strayedUntil = Infinity;
    else if (this.#strayedUntil !== Infinity) {
      this.#strayedUntil = performance.now() + STRAY_MS;
      setTimeout(() => this.#update(), STRAY_MS + 50);
    }
    this.#update();
  }

  #followAgain(): void {
    this.#strayedUntil = 0;
    this.#shownLine = -1;
    this.#update();
  }

  #wake(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => {
      this.#idle = !this.#media.video.paused;
      this.#update();
    }, IDLE_MS);
    if (!this.#idle) return;
    this.#idle = false;
    this.#update();
  }

  #whole(): void {
    const stage = document.querySelector(".stage");
    // Phones let only the video itself be as large as the screen.
    const video = this.#media.video as HTMLVideoElement & { webkitEnterFullscreen?(): void };
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (stage?.requestFullscreen) void stage.requestFullscreen().catch(() => this.#update());
    else video.webkitEnterFullscreen?.();
  }

  #key(event: KeyboardEvent): void {
    if (this.#media.source === null) return;
    const acted = keyed(event, this.#media, this.#chapters, () => this.#whole());
    if (!acted) return;
    event.preventDefault();
    this.#wake();
    this.#update();
  }

  draw(): TemplateResult {
    if (this.#trouble !== null) return troubled(this.#trouble);
    const recording = this.#recording;
    if (recording === null) return html`<main class="notice" aria-busy="true"><div class="spinner"></div></main>`;
    if (this.#media.source === null && recording.sources.length === 0 && recording.phase !== "ready") {
      return unfinished(recording.phase, recording.title);
    }
    const parts = this.#parts();
    const hasPanel = tabsOf(parts).length > 0;
    return html`<div class=${hasPanel ? "watch watch--panel" : "watch"}>
      <main class="watch__main">
        ${this.#stage(recording)} ${this.#newerNotice()}
        <header class="about">
          <div class="about__words">
            <h1 dir="auto">${recording.title}</h1>
            <p>${this.#facts(recording)}</p>
          </div>
          ${downloads(recording, this.link)}
        </header>
      </main>
      ${panel(
        { ...parts, tab: this.#tab, now: this.#media.video.currentTime, follows: this.#follows() },
        {
          show: (tab) => {
            this.#tab = tab;
            this.#shownLine = -1;
            this.#update();
          },
          seek: (time) => {
            this.#media.seek(time);
            this.#followAgain();
          },
          stray: () => this.#stray(),
          follow: () => this.#followAgain(),
        },
      )}
    </div>`;
  }

  #stage(recording: SharedRecording): TemplateResult {
    const media = this.#media;
    const { video, source } = media;
    if (source === null) return html`<section class="stage stage--sound">${notice(UNPLAYABLE, null, false)}</section>`;
    const isSound = source.kind === "audio";
    const isCalm = this.#idle && !isSound && this.#aimed === null;
    const shape = source.width && source.height ? `${source.width} / ${source.height}` : "16 / 9";
    return html`<section
      class=${`stage${isSound ? " stage--sound" : ""}${isCalm ? " stage--calm" : ""}`}
      aria-label="Player"
      ${vars({ "--shape": isSound ? "auto" : shape })}
      @pointermove=${() => this.#wake()}
      @focusin=${() => this.#wake()}
    >
      <div class="picture" @click=${() => media.toggle()} @dblclick=${() => this.#whole()}>
        ${video} ${isSound ? cover(recording.title) : nothing}
        ${media.waiting ? html`<div class="spinner" role="status" aria-label="Loading"></div>` : nothing}
      </div>
      ${
        video.paused && video.currentTime === 0 && !isSound
          ? html`<button type="button" class="begin" aria-label="Play" @click=${() => media.toggle()}>
              ${icon("play")}
            </button>`
          : nothing
      }
      ${controls(
        { media, chapters: this.#chapters, aimed: this.#aimed, isWhole: document.fullscreenElement !== null },
        {
          aim: (time) => {
            this.#aimed = time;
            this.#update();
          },
          whole: () => this.#whole(),
        },
      )}
    </section>`;
  }

  #newerNotice(): TemplateResult | typeof nothing {
    const newer = this.#newer;
    if (newer === null) return nothing;
    const show = () => {
      this.#newer = null;
      void this.#show(newer).then(() => this.#update());
    };
    return html`<p class="newer" role="status">
      The recording has ended. <button type="button" class="plain" @click=${show}>Show all of it</button>
    </p>`;
  }

  #facts(recording: SharedRecording): string {
    const people = recording.attendance.length;
    const facts = [
      recording.began_at === null ? "" : moment(recording.began_at),
      recording.duration_s === null ? "" : length(recording.duration_s),
      people > 0 ? `${people} ${people === 1 ? "participant" : "participants"}` : "",
    ];
    return facts.filter((fact) => fact !== "").join(" · ");
  }
}

/** What stands where there is no picture. */
function cover(title: string): TemplateResult {
  return html`<div class="cover" ${vars({ "--hue": String(hueOf(title)) })}>
    <span class="cover__symbol">${icon("sound")}</span>
    <span class="cover__title" dir="auto">${title}</span>
  </div>`;
}

function downloads({ downloads: files }: SharedRecording, link: Link): TemplateResult | typeof nothing {
  if (files.length === 0) return nothing;
  return html`<ul class="downloads" aria-label="Downloads">
    ${files.map(
      ({ path, name, bytes }) =>
        html`<li>
          <a class="download" href=${link.url(path)} download=${name}>
            ${icon("download")}<span class="download__name">${name}</span
            ><span class="download__size">${size(bytes)}</span>
          </a>
        </li>`,
    )}
  </ul>`;
}
