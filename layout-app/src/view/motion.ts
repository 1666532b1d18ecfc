import type { Rect } from "../stage";

const MOVE_MS = 320;
const COME_MS = 240;
const GO_MS = 160;
/** Names keep to tiles that grow or shrink by less. */
const LEGIBLE = 1.4;
const EASE = "cubic-bezier(0.3, 0, 0.1, 1)";

/** How an element is drawn while it is on its way: from its own upper left corner, and how large. */
interface Pose {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

interface Move {
  readonly animation: Animation;
  readonly from: Pose;
  readonly to: Rect;
}

/**
 * Tiles glide. An element is laid out where it will be, once, and only its transform and opacity change on the way there, which the
 * compositor does alone: no layout, no script, no paint of its picture at another size. Off, everything is at once where it belongs.
 */
export class Motion {
  readonly #moves = new WeakMap<HTMLElement, Move>();
  readonly #reduced = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(private readonly wanted: boolean) {}

  get on(): boolean {
    return this.wanted && !this.#reduced.matches;
  }

  /** `element` has just been laid out at `to` and was at `from`, or on its way there. */
  move(element: HTMLElement, from: Rect, to: Rect): void {
    const running = this.#moves.get(element);
    const seen = running ? poseOf(running) : { x: from.x, y: from.y, scale: 1 };
    running?.animation.cancel();
    this.#moves.delete(element);
    if (!this.on) return;

    const start = startOf({ ...seen, width: from.width * seen.scale, height: from.height * seen.scale }, to);
    const animation = element.animate(
      [{ transform: transformOf(start) }, { transform: transformOf({ ...to, scale: 1 }) }],
      {
        duration: MOVE_MS,
        easing: EASE,
      },
    );
    if (Math.max(start.scale, 1 / start.scale) > LEGIBLE) this.#hideNames(element);
    const move = { animation, from: start, to };
    this.#moves.set(element, move);
    // What grows passes over what shrinks.
    element.style.zIndex = start.scale < 0.98 ? "1" : "";
    animation.onfinish = () => {
      if (this.#moves.get(element) === move) this.#moves.delete(element);
      element.style.zIndex = "";
    };
  }

  /** Letters that shrink or grow with their tile can't be read: a name is there again when its tile nearly is. */
  #hideNames(element: HTMLElement): void {
    for (const name of element.querySelectorAll(".plate")) {
      name.animate([{ opacity: 0 }, { opacity: 0, offset: 0.6 }, { opacity: 1 }], { duration: MOVE_MS });
    }
  }

  come(element: HTMLElement, to: Rect): void {
    if (!this.on) return;
    const start = startOf(
      {
        ...to,
        width: to.width * 0.94,
        height: to.height * 0.94,
        x: to.x + to.width * 0.03,
        y: to.y + to.height * 0.03,
      },
      to,
    );
    const frames = [
      { opacity: 0, transform: transformOf(start) },
      { opacity: 1, transform: transformOf({ ...to, scale: 1 }) },
    ];
    element.animate(frames, { duration: COME_MS, easing: "ease-out" });
  }

  /** Calls `gone` when nothing is seen of it any more. */
  go(element: HTMLElement, gone: () => void): void {
    if (!this.on) {
      gone();
      return;
    }
    const animation = element.animate([{ opacity: 1 }, { opacity: 0 }], {
      duration: GO_MS,
      easing: "ease-in",
      fill: "forwards",
    });
    animation.onfinish = gone;
    animation.oncancel = gone;
  }
}

/** Where an element is drawn that is on its way. The progress is known without asking for a layout. */
function poseOf({ animation, from, to }: Move): Pose {
  const progress = animation.effect?.getComputedTiming().progress ?? 1;
  const between = (one: number, other: number) => one + (other - one) * progress;
  return { x: between(from.x, to.x), y: between(from.y, to.y), scale: between(from.scale, 1) };
}

/** An element laid out as `to`, drawn as much like `from` as it can without being stretched: as large, around the same middle. */
function startOf(from: Rect, to: Rect): Pose {
  const scale = Math.sqrt((from.width * from.height) / (to.width * to.height));
  return {
    x: from.x + (from.width - to.width * scale) / 2,
    y: from.y + (from.height - to.height * scale) / 2,
    scale,
  };
}

function transformOf({ x, y, scale }: Pose): string {
  return `translate(${x}px, ${y}px) scale(${scale})`;
}
