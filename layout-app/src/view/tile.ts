import type { Participant, RoomState } from "../model";
import type { Mark } from "../overlays";
import type { Placement, Rect } from "../stage";
import type { FrameListener, PictureSource } from "./picture";

/** A tile: a person, a share, or the number of those who have none. It keeps its video element wherever it moves. */
export interface Tile {
  readonly element: HTMLElement;
  show(placement: Placement, room: RoomState): void;
  /** Of those who are only heard: to be called while voices may change. */
  listen?(): void;
  close(): void;
}

/** What all tiles of a view share. */
export interface TileSetting {
  readonly source: PictureSource;
  readonly onFrame: FrameListener;
  /** Raised hands are drawn. */
  hands: boolean;
  /** The frame's shorter side over 720: what sizes that must be readable grow with. */
  scale: number;
}

/** Lays a tile out. Its text may be larger than usual by a factor, as far as that leaves room for so many letters. */
export function place(tile: HTMLElement, { rect, bleed }: Placement, scale: number, prominence = 1, letters = 0): void {
  tile.style.transform = `translate(${rect.x}px, ${rect.y}px)`;
  tile.style.width = `${rect.width}px`;
  tile.style.height = `${rect.height}px`;
  const text = textSize(rect, scale);
  tile.style.fontSize = `${Math.max(text, Math.min(text * prominence, rect.width / (letters * LETTER)))}px`;
  tile.style.setProperty("--disc", `${Math.round(Math.min(rect.width, rect.height, 460 * scale) * 0.42)}px`);
  tile.style.setProperty("--emoji", `${Math.round(Math.min(Math.max(rect.height * 0.2, 26 * scale), 76 * scale))}px`);
  toggle(tile, "tile--bleed", bleed);
}

/** Width of a letter, of its size. */
const LETTER = 0.6;
/** Smaller letters can't be read, whatever the frame. */
const SMALLEST_TEXT = 10;

/** Grows slower than the tile: 18 px on a tile that fills a 720-line frame, 12 px on one of twenty-five. */
function textSize({ width, height }: Rect, scale: number): number {
  const size = 7.5 + 0.4 * Math.sqrt(Math.min(height, width) / scale);
  return Math.max(SMALLEST_TEXT, Math.round(Math.min(Math.max(size, 11), 18) * scale * 2) / 2);
}

export function marksOf({ mic, steady }: Participant): Mark[] {
  const marks: Mark[] = [];
  if (!steady) marks.push("lost");
  if (!mic) marks.push("muted");
  return marks;
}

export function toggle({ classList }: HTMLElement, className: string, on: boolean): void {
  if (classList.contains(className) !== on) classList.toggle(className, on);
}
