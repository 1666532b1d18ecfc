import type { Size } from "./server";

export const HD: Size = { width: 1280, height: 720 };

/** Frames that are offered. */
export const SIZES: readonly [string, Size][] = [
  ["720p", HD],
  ["1080p", { width: 1920, height: 1080 }],
  ["Portrait", { width: 720, height: 1280 }],
  ["Portrait 1080", { width: 1080, height: 1920 }],
  ["Square", { width: 1080, height: 1080 }],
  ["Small", { width: 640, height: 360 }],
];

/** Reads `1280x720`. */
export function sizeOf(text: string): Size {
  const [width = 1280, height = 720] = text.split("x").map(Number);
  return { width, height };
}
