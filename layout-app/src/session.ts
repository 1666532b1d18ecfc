import type { Room, RoomListener } from "./adapters";
import { RoomFailure } from "./adapters";
import type { Fault, Layout, PageEnd, RoomEvent, Theme } from "./contract";
import type { Programme, RoomChange, RoomState } from "./model";
import { EMPTY_ROOM, nextWake, programme, readiness, reduce, timeline } from "./model";
import { nextTurn, pageAt } from "./stage";
import { applyTheme, fontsLoaded } from "./theme";
import type { FrameListener, PictureSource } from "./view";
import { StageView } from "./view";

/** How long fonts may take before the recording starts in whatever letters there are. */
const FONTS_DEADLINE_MS = 3000;

/** Whom a session tells what happens; the bridge to the agent, for a page that is recorded. */
export interface SessionListener {
  ready(): void;
  failed(fault: Fault, message: string): void;
  ended(reason: PageEnd): void;
  event(event: RoomEvent): void;
}

/** What draws a session: the stage, or a designer's template. */
export interface SessionView {
  /** Resolves when it is fit to be recorded, as far as that is not up to the room. */
  readonly prepared?: Promise<void>;
  /** Draws the room as it is, and tells over how many pages everybody is spread. */
  show(room: RoomState, layout: Layout, page: number, programme: Programme): number;
  /** The page is ready: from here time is counted. */
  begin(since: number): void;
  /** The room is over. */
  end(): void;
}

export type MakeView = (source: PictureSource, onFrame: FrameListener) => SessionView;

/** One room on one page, from the join to its end: the place where adapter, model and view meet. */
export class Session {
  #room: RoomState = EMPTY_ROOM;
  #wake: ReturnType<typeof setTimeout> | undefined;
  #painting = false;
  #prepared = false;
  #readyAt: number | null = null;
  /** Since when there is more than one page. */
  #crowdedSince: number | null = null;
  readonly #view: SessionView;

  constructor(
    /** An element that the stage is to fill, or what makes something else to draw on. */
    root: HTMLElement | MakeView,
    private readonly adapter: Room,
    private readonly listener: SessionListener,
    private readonly theme: Theme,
    private readonly layout: Layout,
  ) {
    const onFrame: FrameListener = (track, shape) => this.#change({ type: "frame", track, ...shape });
    if (typeof root === "function") {
      this.#view = root(adapter, onFrame);
    } else {
      applyTheme(document.documentElement, theme);
      this.#view = new StageView(root, theme, adapter, onFrame);
    }
    addEventListener("resize", () => this.#paintSoon());
  }

  async start(): Promise<void> {
    void Promise.all([fontsLoaded(this.theme, FONTS_DEADLINE_MS), this.#view.prepared]).then(() => {
      this.#prepared = true;
      this.#paintSoon();
    });
    const listener: RoomListener = {
      changed: (change) => this.#change(change),
      ended: (reason) => this.#end(reason),
      failed: ({ fault, message }) => this.listener.failed(fault, message),
    };
    try {
      await this.adapter.join(listener);
      this.#change({ type: "joined" });
    } catch (error) {
      if (!(error instanceof RoomFailure)) throw error;
      this.listener.failed(error.fault, error.message);
    }
  }

  #change(change: RoomChange): void {
    const before = this.#room;
    this.#room = reduce(before, change, performance.now());
    if (this.#room === before) return;
    for (const event of timeline(before, this.#room, change)) this.listener.event(event);
    this.#paintSoon();
  }

  /** At most one paint a frame, however much happens at once; none while nothing does. */
  #paintSoon(): void {
    if (this.#painting) return;
    this.#painting = true;
    requestAnimationFrame(() => {
      this.#painting = false;
      this.#show();
      this.#lookAhead();
    });
  }

  #show(): void {
    const now = performance.now();
    const page = pageAt(this.#crowdedSince, this.theme.tiles, now);
    const pages = this.#view.show(this.#room, this.layout, page, programme(this.theme.overlays, this.#readyAt, now));
    this.#crowdedSince = pages > 1 ? (this.#crowdedSince ?? now) : null;
  }

  /** Time alone changes the picture too: one timer, for the next moment at which it does. */
  #lookAhead(): void {
    const now = performance.now();
    const due = this.#prepared && this.#readyAt === null ? readiness(this.#room, now) : null;
    if (due === "ready") this.#sayReady(now);
    const turn = nextTurn(this.#crowdedSince, this.theme.tiles, now);
    const scheduled = programme(this.theme.overlays, this.#readyAt, now).next;
    const times = [nextWake(this.#room), due, turn, scheduled].filter((time) => typeof time === "number");
    clearTimeout(this.#wake);
    if (times.length === 0) return;
    this.#wake = setTimeout(() => this.#tick(), Math.max(0, Math.min(...times) - now));
  }

  #tick(): void {
    this.#change({ type: "tick" });
    // Pages and cards go by time alone, of which the room knows nothing.
    this.#paintSoon();
  }

  /** Two frames later: what is worth recording has then been painted, not only decided. */
  #sayReady(now: number): void {
    this.#readyAt = now;
    this.#view.begin(now);
    // What is scheduled counts from here.
    this.#paintSoon();
    requestAnimationFrame(() => requestAnimationFrame(() => this.listener.ready()));
  }

  /** A room that is over has its last words; whoever was sent away from one has not. */
  #end(reason: PageEnd): void {
    const { outro } = this.theme.overlays;
    if (!outro || reason !== "room_ended" || this.#readyAt === null) {
      this.listener.ended(reason);
      return;
    }
    this.#view.end();
    setTimeout(() => this.listener.ended(reason), outro.seconds * 1000);
  }
}
