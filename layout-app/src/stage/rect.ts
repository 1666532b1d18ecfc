/** Whole pixels, so that edges are crisp. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What a frame is like: each kind has arrangements of its own. */
export type FrameKind = "landscape" | "portrait" | "square";

/** Between 4:5 and 5:4 neither columns nor rows have the room that they have in other frames. */
const SQUARE = 5 / 4;

export function frameKind({ width, height }: Size): FrameKind {
  if (width > height * SQUARE) return "landscape";
  return height > width * SQUARE ? "portrait" : "square";
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** The largest rectangle of a shape within `least`…`most` (width over height) that fits into `area`, centred. */
export function fitWithin(area: Rect, least: number, most: number): Rect {
  const shape = clamp(area.width / area.height, least, most);
  const width = clamp(Math.round(area.height * shape), 1, area.width);
  const height = clamp(Math.round(area.width / shape), 1, area.height);
  return {
    x: area.x + Math.floor((area.width - width) / 2),
    y: area.y + Math.floor((area.height - height) / 2),
    width,
    height,
  };
}

export function inset(area: Rect, by: number): Rect {
  return {
    x: area.x + by,
    y: area.y + by,
    width: Math.max(1, area.width - 2 * by),
    height: Math.max(1, area.height - 2 * by),
  };
}

export function moved(rect: Rect, x: number, y: number): Rect {
  return { ...rect, x: rect.x + x, y: rect.y + y };
}

/** The smallest rectangle that holds all of them; null when there are none. */
export function around(rects: readonly Rect[]): Rect | null {
  if (rects.length === 0) return null;
  const x = Math.min(...rects.map((rect) => rect.x));
  const y = Math.min(...rects.map((rect) => rect.y));
  const right = Math.max(...rects.map((rect) => rect.x + rect.width));
  const bottom = Math.max(...rects.map((rect) => rect.y + rect.height));
  return { x, y, width: right - x, height: bottom - y };
}
