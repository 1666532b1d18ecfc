import { openRoom } from "../adapters";
import type { BridgeScope, LowerThird, PageEnd, RoomEvent, Theme } from "../contract";
import { Bridge, takeConfig } from "../contract";
import type { ChatLine } from "../model";
import { participantOf } from "../model";
import type { SessionListener, SessionView } from "../session";
import { Session } from "../session";
import { DEFAULT_THEME } from "../theme";
import type { FrameListener, PictureSource } from "../view";
import { Picture } from "../view";
import { RootState } from "./root_state";
import type { Moment, TemplateState } from "./state";
import { logged, stateOf } from "./state";
import { ThemeSheet } from "./theme_sheet";

export type { Moment } from "./state";

export interface ConnectOptions {
  /**
   * When the recording begins. `auto`, which is usual: when the room is joined, its first picture is here, and the page has loaded.
   * `manual`: not before `ready()` is called, too.
   */
  readonly ready?: "auto" | "manual";
}

/** What draws a part of a template. */
export interface Part {
  /** Draws the moment; a stage tells over how many pages everybody is spread. */
  show(moment: Moment): number | undefined;
}

/** Where pictures come from, and whom to tell of their first frames. */
export interface Pictures {
  readonly source: PictureSource;
  readonly onFrame: FrameListener;
}

type Listener<Event> = (event: Event) => void;

/** The recording that a template is the page of: one a page, however many scripts ask for it. */
export class Recording {
  readonly #bridge = new Bridge(window as unknown as BridgeScope, "template");
  readonly #sheet = new ThemeSheet(document);
  readonly #root = new RootState(document.documentElement);
  readonly #parts = new Set<Part>();
  readonly #subscribers = new Set<Listener<TemplateState>>();
  readonly #listeners = new Map<RoomEvent["kind"], Set<Listener<never>>>();
  #pictures: Pictures | null = null;
  #moment: Moment | null = null;
  #state: TemplateState | null = null;
  #theme: Theme = DEFAULT_THEME;
  #third: LowerThird | null = null;
  #banner: string | null = null;
  #chatLog: readonly ChatLine[] = [];
  #startedAt: number | null = null;
  #over = false;
  #sayPrepared: () => void = () => undefined;

  constructor({ ready = "auto" }: ConnectOptions) {
    const said = ready === "auto" ? Promise.resolve() : new Promise<void>((resolve) => (this.#sayPrepared = resolve));
    this.#bridge.onFailed = (message) => this.#root.failed(message);
    this.#open(Promise.all([loaded(), said]).then(() => undefined));
  }

  /** The room at this moment; null until the first time that it is drawn. */
  get state(): TemplateState | null {
    return this.#state;
  }

  /** Calls `listener` with the room as it is and whenever it has changed, at most once a frame. Returns what ends that. */
  subscribe(listener: Listener<TemplateState>): () => void {
    this.#subscribers.add(listener);
    if (this.#state) listener(this.#state);
    return () => this.#subscribers.delete(listener);
  }

  /** Calls `listener` whenever something of this kind happens, as the recording's timeline is told. Returns what ends that. */
  on<Kind extends RoomEvent["kind"]>(kind: Kind, listener: Listener<Extract<RoomEvent, { kind: Kind }>>): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listener as Listener<never>));
    return () => listeners.delete(listener as Listener<never>);
  }

  /**
   * Shows a participant's camera, or screen, in a video element, through every change of tracks, until the returned function is
   * called. Sound is played by itself: whoever is in the room is heard.
   */
  attach(video: HTMLVideoElement, identity: string, source: "camera" | "screen" = "camera"): () => void {
    let picture: Picture | null = null;
    const part: Part = {
      show: ({ room }) => {
        if (!this.#pictures) return undefined;
        picture ??= new Picture(this.#pictures.source, this.#pictures.onFrame, video);
        picture.show(participantOf(room, identity)?.[source] ?? { state: "off" });
        return undefined;
      },
    };
    const leave = this.draw(part);
    return () => {
      leave();
      picture?.close();
    };
  }

  /** How loud somebody is at this moment, from 0 to 1. To be asked, not to be told: it changes all the time. */
  levelOf(identity: string): number {
    return this.#pictures?.source.levelOf(identity) ?? 0;
  }

  /** The template is fit to be recorded; only waited for with `ready: "manual"`. */
  ready(): void {
    this.#sayPrepared();
  }

  /** The template can't show the room: the recording fails with this sentence. */
  failed(message: string): void {
    this.#bridge.failed("platform", message);
  }

  /** The template has nothing more to show: the recording ends. A room that ends does so by itself. */
  ended(reason: PageEnd = "room_ended"): void {
    this.#bridge.ended(reason);
  }

  /** Draws a part with every change, from now on until the returned function is called. */
  draw(part: Part): () => void {
    this.#parts.add(part);
    if (this.#moment) part.show(this.#moment);
    return () => this.#parts.delete(part);
  }

  /** Where pictures come from, once there is a room. */
  get pictures(): Pictures | null {
    return this.#pictures;
  }

  #draw(moment: Moment): number {
    this.#moment = moment;
    this.#state = stateOf(moment);
    this.#root.show(this.#state);
    let pages = 1;
    for (const part of this.#parts) pages = Math.max(pages, part.show(moment) ?? 1);
    for (const subscriber of this.#subscribers) subscriber(this.#state);
    return pages;
  }

  #open(prepared: Promise<void>): void {
    const viewport = { width: innerWidth, height: innerHeight };
    const taken = takeConfig(window as unknown as Record<string, unknown>, location.search, viewport);
    this.#bridge.signalsByConsole = taken.origin === "query";
    this.#restyle(taken.ok ? taken.config.theme : DEFAULT_THEME);
    if (!taken.ok) {
      this.#bridge.failed(taken.fault, taken.message);
      return;
    }
    const { room, ...look } = taken.config;
    if (!room) return;
    const bridge = this.#bridge;
    const listener: SessionListener = {
      ready: () => bridge.ready(),
      failed: (fault, message) => bridge.failed(fault, message),
      ended: (reason) => bridge.ended(reason),
      event: (event) => this.#tell(event),
      warning: (message) => bridge.warning(message),
    };
    void openRoom(room).then((opened) => {
      const view = (source: PictureSource, onFrame: FrameListener) => this.#view(prepared, source, onFrame);
      const session = new Session(view, opened, listener, look);
      bridge.onLook((changed) => session.look(changed));
      return session.start();
    });
  }

  /** What the session draws on: all the parts of the template. */
  #view(prepared: Promise<void>, source: PictureSource, onFrame: FrameListener): SessionView {
    this.#pictures = { source, onFrame };
    return {
      prepared,
      restyle: (theme) => this.#restyle(theme),
      dress: (third, banner) => {
        this.#third = third;
        this.#banner = banner;
      },
      show: (room, layout, page, programme) => {
        this.#chatLog = logged(this.#chatLog, room);
        const [theme, third, banner, chatLog] = [this.#theme, this.#third, this.#banner, this.#chatLog];
        const [startedAt, over] = [this.#startedAt, this.#over];
        return this.#draw({ room, layout, page, programme, theme, third, banner, chatLog, startedAt, over });
      },
      begin: (since) => {
        this.#startedAt = since;
      },
      end: () => {
        this.#over = true;
        if (this.#moment) this.#draw({ ...this.#moment, over: true });
      },
    };
  }

  #restyle(theme: Theme): void {
    this.#theme = theme;
    this.#sheet.apply(theme);
  }

  #tell(event: RoomEvent): void {
    this.#bridge.event(event);
    for (const listener of this.#listeners.get(event.kind) ?? []) listener(event as never);
  }
}

/** Resolves when the page's own HTML, styles and images have come, or have failed to. */
function loaded(): Promise<void> {
  if (document.readyState === "complete") return Promise.resolve();
  return new Promise((resolve) => addEventListener("load", () => resolve(), { once: true }));
}
