import type { Look, PageConfig, Scene } from "../contract";
import type { PageMessage } from "../contract/generated/PageMessage";
import type { Direction } from "../scene/director";

/** A page that has not said that it is ready by then is shown as it is. */
const PATIENCE_MS = 5000;

/** Heard by the first script of the page (`orchestrator/cli/src/design/frame.js`), as an agent would tell it. */
interface Relook {
  readonly type: "wallflower.look";
  readonly look: Look;
}

/** What the page in the frame tells. */
export interface FrameListener {
  ready(ms: number): void;
  late(): void;
  failed(message: string): void;
  trouble(text: string): void;
  /** The page has no way to be shown in another way; it has to be loaded anew. */
  deaf(): void;
}

/**
 * The template in a frame, at its true size.
 *
 * ```text
 * show ──▶ [next, below] ── ready, failed or late ──▶ [current] ── the next is there ──▶ gone
 * ```
 *
 * look ──▶ the page in sight changes, as a running recording does
 *
 * The last one stays in sight until the next is worth looking at: nothing flickers while somebody types.
 */
export class Frames {
  readonly element = document.createElement("div");
  #current: HTMLIFrameElement | null = null;
  #next: { frame: HTMLIFrameElement; since: number; late: ReturnType<typeof setTimeout> } | null = null;
  #scene: Scene | null = null;
  /** What the last page was loaded with, and what it was told since. */
  #look: Look | null = null;
  #deaf = false;

  constructor(
    private readonly site: () => string,
    private readonly listener: FrameListener,
  ) {
    this.element.className = "frames";
    addEventListener("message", (event: MessageEvent<unknown>) => this.#hear(event));
  }

  /** Loads the page anew, with this configuration. */
  show(config: PageConfig): void {
    this.#dropNext();
    const frame = document.createElement("iframe");
    // The page finds it before its first script: `orchestrator/cli/src/design/frame.js`.
    frame.name = JSON.stringify({ wallflower: "workshop", config });
    frame.title = "The page that is recorded";
    frame.allow = "autoplay";
    frame.width = String(config.size.width);
    frame.height = String(config.size.height);
    frame.className = "frames__next";
    frame.src = `${this.site()}/`;
    const late = setTimeout(() => {
      this.listener.late();
      this.#swap();
    }, PATIENCE_MS);
    this.#look = null;
    this.#scene = config.room?.kind === "simulated" ? config.room.scene : null;
    this.#next = { frame, since: performance.now(), late };
    this.element.append(frame);
  }

  /** Changes the room without loading the page anew. */
  direct(scene: Scene): void {
    this.#scene = scene;
    this.#tell(this.#current, { type: "wallflower.scene", scene });
  }

  /** Shows the room in another way without loading the page anew. False if the page can't. */
  look(look: Look): boolean {
    if (this.#deaf) return false;
    this.#look = look;
    // One that is still loading is told when it is there.
    if (!this.#next) this.#tell(this.#current, { type: "wallflower.look", look });
    return true;
  }

  moment(moment: "chat" | "reaction"): void {
    this.#tell(this.#current, { type: "wallflower.moment", moment });
  }

  #tell(frame: HTMLIFrameElement | null, direction: Direction | Relook): void {
    frame?.contentWindow?.postMessage(direction, this.site());
  }

  #hear({ source, origin, data }: MessageEvent<unknown>): void {
    if (origin !== this.site() || typeof data !== "object" || data === null) return;
    const isNext = source !== null && source === this.#next?.frame.contentWindow;
    if (!isNext && source !== this.#current?.contentWindow) return;
    const { type, text } = data as { type?: unknown; text?: unknown };
    if (type === "wallflower.deaf" && !isNext) {
      this.#deaf = true;
      this.listener.deaf();
    }
    if (typeof text !== "string") return;
    if (type === "wallflower.trouble") this.listener.trouble(text);
    if (type === "wallflower.said") this.#said(JSON.parse(text) as PageMessage, isNext);
  }

  #said(message: PageMessage, isNext: boolean): void {
    if (message.type === "ready" && isNext) {
      this.listener.ready(performance.now() - (this.#next?.since ?? 0));
      this.#swap();
    } else if (message.type === "failed") {
      this.listener.failed(message.message);
      if (isNext) this.#swap();
    }
  }

  #swap(): void {
    if (!this.#next) return;
    const { frame, late } = this.#next;
    clearTimeout(late);
    this.#next = null;
    this.#current?.remove();
    this.#current = frame;
    frame.className = "frames__current";
    // The room may have changed while the page was loading.
    if (this.#scene) this.#tell(frame, { type: "wallflower.scene", scene: this.#scene });
    if (this.#look) this.#tell(frame, { type: "wallflower.look", look: this.#look });
  }

  #dropNext(): void {
    if (!this.#next) return;
    clearTimeout(this.#next.late);
    this.#next.frame.remove();
    this.#next = null;
  }
}
