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

/** The largest rectangle of a shape within `least`…`most` (width over height) that fits into `area`, centred. */
export function fitWithin(area: Rect, least: number, most: number): Rect {
  const shape = Math.min(Math.max(area.width / area.height, least), most);
  const width = Math.round(Math.min(area.width, area.height * shape));
  const height = Math.round(Math.min(area.height, area.width / shape));
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
