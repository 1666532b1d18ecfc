import type { Box } from "./box";
import { beyond, intersection, isWide } from "./box";
import type { Color } from "./color";
import { BLACK, contrast, over, WHITE } from "./color";
import { colorOf } from "./paint";
import type { Text } from "./texts";
import { ancestors } from "./texts";

/** Something that is wrong with what is drawn. */
export interface Fault {
  readonly rule: "cut" | "unreadable" | "small" | "overlap" | "contrast";
  /** What it is about, as a selector a designer recognises. */
  readonly element: string;
  readonly text: string;
  readonly detail: string;
}

/** Letters of fonts reach beyond their boxes by a little, and boxes lie between pixels. */
const SLACK_PX = 2;
/** Of a shortened text, so much is still a name. */
const LEAST_EMS = 4;
/** Text smaller than this can't be read in a frame whose shorter side is 720. */
const LEAST_PX = 10;
const LEAST_CONTRAST = 4.5;
/** WCAG's measure for large text: 24 px, or 18.66 px and bold. */
const LEAST_CONTRAST_LARGE = 3;
/** A panel that lets less than this through covers what is below it. */
const COVERS = 0.8;

export function named(element: HTMLElement): string {
  const own = simple(element);
  if (own !== element.tagName.toLowerCase() || own.includes("-")) return own;
  // A bare span says nothing: what it is in does.
  const around = [...ancestors(element)]
    .slice(1)
    .find((each) => simple(each) !== each.tagName.toLowerCase() || each.tagName.includes("-"));
  return around && around !== document.body ? `${simple(around)} ${own}` : own;
}

function simple(element: HTMLElement): string {
  const classes = [...element.classList].slice(0, 2).map((name) => `.${name}`);
  return element.tagName.toLowerCase() + (element.id ? `#${element.id}` : "") + classes.join("");
}

const fault = (rule: Fault["rule"], { element, content }: Text, detail: string): Fault => ({
  rule,
  element: named(element),
  text: content,
  detail,
});

/** Text that is cut off without a sign that there is more. */
export function cut(text: Text): Fault[] {
  const sides = beyond(text.box, text.window, SLACK_PX);
  if (sides.length === 0 || text.runs || text.fades || flies(text)) return [];
  const shortens = [...ancestors(text.element)].slice(0, 3).find(isShortening);
  const place = shortens?.getBoundingClientRect();
  const lost = place ? beyond(place, text.window, SLACK_PX) : sides;
  if (!shortens || lost.length > 0) {
    const by = text.cutter && text.cutter !== shortens ? named(text.cutter) : "the frame";
    return [fault("cut", text, `it is cut off at the ${lost.join(" and ")} by ${by}`)];
  }
  const size = Number.parseFloat(getComputedStyle(text.element).fontSize);
  const width = text.window.right - Math.max(text.window.left, text.box.left);
  if (width >= LEAST_EMS * size) return [];
  return [fault("unreadable", text, `it is shortened to ${Math.round(width)} px, of which nothing can be read`)];
}

/** Emoji that come and go may leave the frame. */
function flies({ content, element }: Text): boolean {
  if (/[\p{L}\p{N}]/u.test(content)) return false;
  return [...ancestors(element)].some((each) => each.getAnimations().some(({ playState }) => playState === "running"));
}

function isShortening(element: HTMLElement): boolean {
  const style = getComputedStyle(element);
  return style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none";
}

export function small(text: Text): Fault[] {
  const size = Number.parseFloat(getComputedStyle(text.element).fontSize) * scaleOf(text.element);
  const least = (LEAST_PX * Math.min(innerWidth, innerHeight, 720)) / 720;
  return size >= least
    ? []
    : [fault("small", text, `it is written in ${size.toFixed(1)} px, below ${least.toFixed(1)}`)];
}

/** By how much transforms enlarge it. */
function scaleOf(element: HTMLElement): number {
  return element.offsetWidth > 0 ? element.getBoundingClientRect().width / element.offsetWidth : 1;
}

/** Two texts of which neither can be read, because they lie upon each other. Emoji may fly anywhere. */
export function overlaps(all: readonly Text[]): Fault[] {
  const read = all.filter(({ content }) => /[\p{L}\p{N}]/u.test(content));
  return read.flatMap((one, at) =>
    read.slice(at + 1).flatMap((other) => {
      if (one.element.contains(other.element) || other.element.contains(one.element)) return [];
      const shared = sharedBox(one, other);
      if (!shared || isCovered(one, other, shared) || isCovered(other, one, shared)) return [];
      return [fault("overlap", one, `it lies upon “${other.content}” (${named(other.element)})`)];
    }),
  );
}

function sharedBox(one: Text, other: Text): Box | null {
  for (const line of one.lines) {
    for (const against of other.lines) {
      const shared = intersection(intersection(line, one.window), intersection(against, other.window));
      // Lines are higher than letters: neighbours may touch.
      if (isWide(shared, Math.min(line.bottom - line.top, against.bottom - against.top) * 0.3)) return shared;
    }
  }
  return null;
}

/** Whether a panel of `upper` hides what `lower` has there. */
function isCovered(upper: Text, lower: Text, shared: Box): boolean {
  for (const each of ancestors(upper.element)) {
    if (each.contains(lower.element)) return false;
    const background = colorOf(getComputedStyle(each).backgroundColor);
    const hides = (background?.a ?? 0) >= COVERS || each instanceof HTMLVideoElement;
    if (hides && beyond(shared, each.getBoundingClientRect(), SLACK_PX).length === 0) return true;
  }
  return false;
}

/** Text that differs too little from what is behind it; where that is a picture, from the worst that it could be. */
export function faint(text: Text): Fault[] {
  if (!/[\p{L}\p{N}]/u.test(text.content)) return [];
  const style = getComputedStyle(text.element);
  const ink = colorOf(style.color);
  const behind = ink && !hasOwnShade(style) ? backgrounds(text) : null;
  if (!ink || !behind) return [];
  const ratio = Math.min(...behind.map((ground) => contrast(over(ink, ground), ground)));
  const size = Number.parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number.parseInt(style.fontWeight, 10) >= 700);
  const least = isLarge ? LEAST_CONTRAST_LARGE : LEAST_CONTRAST;
  if (ratio >= least) return [];
  return [fault("contrast", text, `its contrast is ${ratio.toFixed(1)}, below ${least}`)];
}

/** Letters with a shadow or an outline of their own stand out by that, which can't be computed. */
function hasOwnShade(style: CSSStyleDeclaration): boolean {
  return style.textShadow !== "none" || style.webkitTextStrokeWidth !== "0px";
}

/** What may be behind an element; null when a picture of the designer's own decides. */
function backgrounds(text: Text): Color[] | null {
  const layers: Color[] = [];
  for (const each of ancestors(text.element)) {
    const style = getComputedStyle(each);
    if (style.backgroundImage !== "none") return null;
    const layer = colorOf(style.backgroundColor);
    if (layer && layer.a > 0) layers.unshift(layer);
    if (layer?.a === 1) break;
    // A sibling that is a picture lies below what is drawn over it.
    if (
      [...(each.parentElement?.children ?? [])].some((sibling) => sibling !== each && isPictureBehind(sibling, text))
    ) {
      return [BLACK, WHITE].map((ground) => layers.reduce((lower, upper) => over(upper, lower), ground));
    }
  }
  return [layers.reduce((lower, upper) => over(upper, lower), WHITE)];
}

function isPictureBehind(element: Element, text: Text): boolean {
  if (!element.matches("video, canvas, img") || !element.checkVisibility({ opacityProperty: true })) return false;
  return isWide(intersection(element.getBoundingClientRect(), text.box), SLACK_PX);
}
