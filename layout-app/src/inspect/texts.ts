import type { Box } from "./box";
import { intersection, isWide, union } from "./box";

/** A piece of text that can be seen. */
export interface Text {
  readonly element: HTMLElement;
  readonly content: string;
  /** Where its letters are, one box for each line. */
  readonly lines: readonly Box[];
  /** All of its lines. */
  readonly box: Box;
  /** What lets itself be seen of whatever is there: the frame, less what is cut off by ancestors. */
  readonly window: Box;
  /** The ancestor, or the element itself, that cuts off the last of it. */
  readonly cutter: HTMLElement | null;
  /** It runs across on purpose, such as a ticker. */
  readonly runs: boolean;
  /** It fades out where it is cut off, as the oldest of a list of lines. */
  readonly fades: boolean;
}

/** Everything that can be read in the document and in the shadows of its elements. */
export function texts(root: Document): Text[] {
  const frame: Box = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
  return [...elements(root)].flatMap((element) => textOf(element, frame) ?? []);
}

function* elements(root: ParentNode): Generator<HTMLElement> {
  for (const element of root.querySelectorAll<HTMLElement>("*")) {
    if (
      element instanceof HTMLElement &&
      !["SCRIPT", "STYLE", "TEMPLATE", "NOSCRIPT", "TITLE"].includes(element.tagName)
    ) {
      yield element;
    }
    if (element.shadowRoot) yield* elements(element.shadowRoot);
  }
}

function textOf(element: HTMLElement, frame: Box): Text | null {
  const nodes = [...element.childNodes].filter((node) => node instanceof globalThis.Text && node.data.trim() !== "");
  const content = nodes
    .map((node) => (node.textContent ?? "").trim())
    .join(" ")
    .slice(0, 60);
  if (nodes.length === 0 || !isSeen(element)) return null;
  const lines = nodes.flatMap(linesOf);
  if (lines.length === 0) return null;
  const { window, cutter, fades } = windowOf(element, frame);
  const box = union(lines);
  // What is wholly out of sight waits there, or is for screen readers only.
  if (!isWide(intersection(box, window), 2)) return null;
  return { element, content, lines, box, window, cutter, fades, runs: runs(element) };
}

function linesOf(node: Node): Box[] {
  const range = document.createRange();
  range.selectNodeContents(node);
  return [...range.getClientRects()].filter((rect) => rect.width > 0.5 && rect.height > 0.5);
}

/** Ancestors through shadows: what contains an element as it is drawn. */
export function* ancestors(element: HTMLElement): Generator<HTMLElement> {
  let node: Node | null = element;
  while (node) {
    if (node instanceof HTMLElement) yield node;
    node =
      (node instanceof HTMLElement ? (node.assignedSlot ?? node.parentNode) : null) ??
      (node instanceof ShadowRoot ? node.host : null);
  }
}

function isSeen(element: HTMLElement): boolean {
  return element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });
}

function windowOf(element: HTMLElement, frame: Box): Pick<Text, "window" | "cutter" | "fades"> {
  let window = frame;
  let cutter: HTMLElement | null = null;
  let fades = false;
  for (const each of ancestors(element)) {
    const style = getComputedStyle(each);
    const cuts =
      /hidden|clip|auto|scroll/.test(style.overflowX + style.overflowY) || /strict|content|paint/.test(style.contain);
    // The frame itself is cut by the window.
    if (!cuts || each === document.body || each === document.documentElement) continue;
    const smaller = intersection(window, each.getBoundingClientRect());
    if (
      smaller.right < window.right ||
      smaller.left > window.left ||
      smaller.bottom < window.bottom ||
      smaller.top > window.top
    )
      cutter = each;
    fades ||= style.maskImage !== "none";
    window = smaller;
  }
  return { window, cutter, fades };
}

function runs(element: HTMLElement): boolean {
  for (const each of ancestors(element)) {
    const endless = each
      .getAnimations()
      .some((animation) => animation.effect?.getComputedTiming().iterations === Infinity);
    if (endless || each.tagName === "MARQUEE") return true;
  }
  return false;
}
