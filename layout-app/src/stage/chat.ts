import type { Rect } from "./rect";

/** Parts of the stage that chat takes: of a wide one's width, of the others' height. */
export const COLUMN = 0.22;
const BAND = 0.18;

/** The place of chat, and what is left for the tiles. */
export interface Beside {
  readonly rest: Rect;
  readonly chat: Rect;
}

/** Chat at the right of an area, a gap from the rest. */
export function inColumn(area: Rect, gap: number): Beside {
  const width = Math.round(area.width * COLUMN);
  return {
    rest: { ...area, width: Math.max(1, area.width - width - gap) },
    chat: { ...area, x: area.x + area.width - width, width },
  };
}

/** Chat at the bottom of an area, a gap from the rest. */
export function inBand(area: Rect, gap: number, part = BAND): Beside {
  const height = Math.round(area.height * part);
  return {
    rest: { ...area, height: Math.max(1, area.height - height - gap) },
    chat: { ...area, y: area.y + area.height - height, height },
  };
}
