import type { Room, RoomListener } from "./adapters";
import { RoomFailure } from "./adapters";
import type { Fault, Layout, Look, LowerThird, PageEnd, RoomEvent, Theme } from "./contract";
import type { OrderedThird, Programme, RoomChange, RoomState } from "./model";
import {
  cast,
  EMPTY_ROOM,
  isHidden,
  isTold,
  newlySealed,
  nextWake,
  programme,
  readiness,
  reduce,
  sealedRoom,
  timeline,
  volumeOf,
} from "./model";
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
  warning(message: string): void;
}

/** What draws a session: the stage, or a designer's template. */
export interface SessionView {
  /** Resolves when it is fit to be recorded, as far as that is not up to the room. */
  readonly prepared?: Promise<void>;
  /** From the next `show` on everything is drawn by this theme. */
  restyle(theme: Theme): void;
  /** What is asked for while recording: a lower third, which is shown when it is time, and a line across the picture. */
  dress(third: LowerThird | null, banner: string | null): void;
  /** Whether cameras and screens are drawn in this layout; where it isn't said, they are. */
  showsPictures?(layout: Layout): boolean;
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
  #look: Look;
  /** A lower third that was asked for while recording. */
  #third: OrderedThird | null;
  readonly #view: SessionView;

  constructor(
    /** An element that the stage is to fill, or what makes something else to draw on. */
    root: HTMLElement | MakeView,
    private readonly adapter: Room,
    private readonly listener: SessionListener,
    look: Look,
  ) {
    this.#look = look;
    this.#third = orderedThird(look, null);
    const onFrame: FrameListener = (track, shape) => this.#change({ type: "frame", track, ...shape });
    this.#view = typeof root === "function" ? root(adapter, onFrame) : stage(root, look.theme, adapter, onFrame);
    adapter.mix((identity) => volumeOf(this.#look, identity));
    addEventListener("resize", () => this.#paintSoon());
  }

  async start(): Promise<void> {
    void Promise.all([fontsLoaded(this.#look.theme, FONTS_DEADLINE_MS), this.#view.prepared]).then(() => {
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

  /** Shows the room in another way, from the next frame on. */
  look(look: Look): void {
    const before = this.#look;
    this.#look = look;
    if (differ(before.theme, look.theme)) this.#view.restyle(titled(look.theme, this.#room));
    if (differ(before.lower_third, look.lower_third)) this.#third = orderedThird(look, performance.now());
    this.adapter.mix((identity) => volumeOf(look, identity));
    this.#paintSoon();
  }

  #change(change: RoomChange): void {
    const before = this.#room;
    this.#room = reduce(before, change, performance.now());
    if (this.#room === before) return;
    for (const event of timeline(before, this.#room, change)) {
      if (isTold(event, this.#look)) this.listener.event(event);
    }
    this.#tellOfSeals(before);
    if (before.title !== this.#room.title && !this.#look.theme.title) {
      this.#view.restyle(titled(this.#look.theme, this.#room));
    }
    this.#paintSoon();
  }

  /** What can't be opened is a failure as long as nothing else is there to be recorded, and a warning then. */
  #tellOfSeals(before: RoomState): void {
    for (const { identity, sealed } of newlySealed(before, this.#room)) {
      if (!isHidden(this.#look, identity)) this.listener.warning(sealed);
    }
    const reason = this.#readyAt === null ? sealedRoom(cast(this.#room, this.#look)) : null;
    if (reason !== null) this.listener.failed("request", reason);
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
    const { theme, layout, banner } = this.#look;
    const page = pageAt(this.#crowdedSince, theme.tiles, now);
    const third = this.#third ? this.#look.lower_third : theme.overlays.lower_third;
    this.#view.dress(third, banner);
    const pages = this.#view.show(cast(this.#room, this.#look), layout, page, this.#programme(now));
    this.#crowdedSince = pages > 1 ? (this.#crowdedSince ?? now) : null;
  }

  #readiness(now: number): "ready" | number | null {
    const showsPictures = this.#view.showsPictures?.(this.#look.layout) ?? true;
    return readiness(cast(this.#room, this.#look), showsPictures, now);
  }

  #programme(now: number): Programme {
    return programme(this.#look.theme.overlays, this.#readyAt, now, this.#third);
  }

  /** Time alone changes the picture too: one timer, for the next moment at which it does. */
  #lookAhead(): void {
    const now = performance.now();
    const due = this.#prepared && this.#readyAt === null ? this.#readiness(now) : null;
    if (due === "ready") this.#sayReady(now);
    const turn = nextTurn(this.#crowdedSince, this.#look.theme.tiles, now);
    const scheduled = this.#programme(now).next;
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
    const { outro } = this.#look.theme.overlays;
    if (!outro || reason !== "room_ended" || this.#readyAt === null) {
      this.listener.ended(reason);
      return;
    }
    this.#view.end();
    setTimeout(() => this.listener.ended(reason), outro.seconds * 1000);
  }
}

/** A recording that has no title of its own has its room's. */
function titled(theme: Theme, { title }: RoomState): Theme {
  return theme.title || title === null ? theme : { ...theme, title };
}

/** The stage, on a page that is nothing else. */
function stage(root: HTMLElement, theme: Theme, source: PictureSource, onFrame: FrameListener): SessionView {
  const page = document.documentElement;
  applyTheme(page, theme);
  return new StageView(root, theme, source, onFrame, (changed) => applyTheme(page, changed));
}

/** Before the page is ready there is no time to count from: what it begins with stays. */
function orderedThird({ lower_third }: Look, since: number | null): OrderedThird | null {
  return lower_third && { lower_third, since: since ?? -Infinity };
}

function differ(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) !== JSON.stringify(other);
}
