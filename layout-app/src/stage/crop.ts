import type { Rect, Size } from "./rect";
import { clamp, fitWithin } from "./rect";

/**
 * What of a camera's picture is always seen, as parts of its width and its height. People sit in the middle, with their heads in
 * the upper part: the sides may go as far as half of the picture, chest and ceiling as far as a quarter.
 */
export const SAFE: Size = { width: 0.5, height: 0.74 };

/** Of what is cropped, the part that goes at the left and at the top: a forehead is worth more than a chest. */
export const CROPPED_AT = { x: 0.5, y: 0.15 } as const;

/** The shapes in which a camera's picture of this shape can be shown without cutting a face. */
export function safeShapes(shape: number): [least: number, most: number] {
  return [shape * SAFE.width, shape / SAFE.height];
}

/**
 * Where in its tile a camera's picture stands, relative to the tile. It fills the tile if that leaves the safe part to be seen;
 * else it is cropped as far as that goes, and a backdrop fills the rest.
 */
export function pictureIn(shape: number | null, tile: Size): Rect {
  const whole = { x: 0, y: 0, width: tile.width, height: tile.height };
  if (shape === null) return whole;
  const [least, most] = safeShapes(shape);
  const shown = clamp(tile.width / tile.height, least, most);
  return fitWithin(whole, shown, shown);
}

/** The part of a picture that is seen in a rectangle which it fills, relative to the picture (0 to 1). */
export function seenPart(shape: number, { width, height }: Size): Rect {
  const seenWidth = Math.min(1, width / height / shape);
  const seenHeight = Math.min(1, shape / (width / height));
  return {
    x: (1 - seenWidth) * CROPPED_AT.x,
    y: (1 - seenHeight) * CROPPED_AT.y,
    width: seenWidth,
    height: seenHeight,
  };
}
