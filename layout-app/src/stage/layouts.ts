import type { Layout } from "../contract";
import type { TileShape } from "./grid";
import { MOST_TILES } from "./grid";
import type { FrameKind } from "./rect";

/** Shapes of tiles in rooms of computers, and in rooms of telephones that are held upright. */
export interface TileShapes {
  readonly wide: TileShape;
  readonly tall: TileShape;
}

/** A strip of small tiles along a side of the frame. */
export interface Strip {
  readonly side: "right" | "bottom";
  /** Parts of the frame: the strip takes what the main tile leaves of it, within these. */
  readonly least: number;
  readonly most: number;
  /** So many tiles look well in it. */
  readonly seats: number;
  readonly shapes: TileShapes;
}

/** A small tile that stands on the main one, in the corner at the lower right. */
export interface Inset {
  /** Part of the frame's width. */
  readonly width: number;
  readonly shape: number;
}

/** How one layout fills one kind of frame. */
export type Plan =
  /** `most` tiles of one size. Whoever has none is `counted` in a tile that says so, or not wanted in this picture. */
  | { readonly kind: "tiles"; readonly most: number; readonly counted: boolean; readonly shapes: TileShapes }
  /** The same without pictures. A place is no higher than a part of the frame's shorter side: a circle of people, not four corners. */
  | { readonly kind: "voices"; readonly shape: TileShape; readonly largest: number }
  /** The share, or the speaker, beside the strip that leaves it the most room and seats everybody. */
  | { readonly kind: "lead"; readonly strips: readonly Strip[]; readonly counted: boolean }
  /** The share, or the speaker, alone or with one other person in the corner. */
  | { readonly kind: "alone"; readonly inset: Inset | null };

type Plans = Readonly<Record<FrameKind, Plan>>;

/** What a layout does, and what it does while a screen is shared. */
export interface Rule {
  readonly plain: Plans;
  readonly shared: Plans;
}

const TALL: TileShape = { least: 9 / 16, most: 0.8 };

function tiles(most: number, counted: boolean, wide: TileShape, tall = TALL): Plan {
  return { kind: "tiles", most, counted, shapes: { wide, tall } };
}

const BESIDE: TileShapes = { wide: { least: 4 / 3, most: 1.86 }, tall: { least: 3 / 4, most: 1 } };
const BELOW: TileShapes = { wide: { least: 0.95, most: 1.86 }, tall: { least: 3 / 4, most: 1 } };

function right(least: number, most: number, seats: number): Strip {
  return { side: "right", least, most, seats, shapes: BESIDE };
}

function bottom(least: number, most: number, seats: number): Strip {
  return { side: "bottom", least, most, seats, shapes: BELOW };
}

function lead(...strips: Strip[]): Plan {
  return { kind: "lead", strips, counted: true };
}

/** A share and one person, each whole: where there is room for that, nothing needs to be covered. */
function duet(strip: Strip): Plan {
  return { kind: "lead", strips: [strip], counted: false };
}

const GRID: Plans = {
  landscape: tiles(MOST_TILES, true, { least: 4 / 3, most: 1.86 }),
  portrait: tiles(MOST_TILES, true, { least: 0.95, most: 2 }),
  square: tiles(MOST_TILES, true, { least: 1, most: 2.06 }),
};

const SPEAKER: Plans = {
  landscape: lead(right(0.18, 0.18, 7), right(0.25, 0.25, 14)),
  portrait: lead(bottom(0.2, 0.38, 12)),
  square: lead(bottom(0.19, 0.19, 5), bottom(0.3, 0.3, 12)),
};

const SCREEN: Plans = {
  landscape: lead(right(0.15, 0.28, 6), bottom(0.15, 0.28, 6), right(0.24, 0.28, 14), bottom(0.27, 0.3, 14)),
  portrait: lead(bottom(0.2, 0.62, 20)),
  square: lead(bottom(0.2, 0.45, 5), bottom(0.3, 0.45, 12)),
};

const ALONE: Plan = { kind: "alone", inset: null };
const SINGLE: Plans = { landscape: ALONE, portrait: ALONE, square: ALONE };

const HALVES: TileShape = { least: 0.89, most: 2.06 };
const TALL_HALVES: TileShape = { least: 9 / 16, most: 0.89 };
const PAIR = tiles(2, false, HALVES, TALL_HALVES);

const PAIR_BESIDE_SCREEN: Plans = {
  landscape: { kind: "lead", counted: false, strips: [right(0.24, 0.3, 2), bottom(0.28, 0.36, 2)] },
  portrait: { kind: "lead", counted: false, strips: [bottom(0.3, 0.66, 2)] },
  square: { kind: "lead", counted: false, strips: [bottom(0.28, 0.5, 2)] },
};

// A disc, and a line for the name.
const VOICE: Plan = { kind: "voices", shape: { least: 0.84, most: 0.9 }, largest: 0.72 };
const VOICES: Plans = { landscape: VOICE, portrait: VOICE, square: VOICE };

/** Every layout, as data. */
export const LAYOUTS: Readonly<Record<Layout, Rule>> = {
  grid: { plain: GRID, shared: SCREEN },
  speaker: { plain: SPEAKER, shared: SCREEN },
  "single-speaker": { plain: SINGLE, shared: SINGLE },
  screen: { plain: SPEAKER, shared: SCREEN },
  interview: { plain: { landscape: PAIR, portrait: PAIR, square: PAIR }, shared: PAIR_BESIDE_SCREEN },
  // Who is only heard shows nothing.
  podcast: { plain: VOICES, shared: VOICES },
  pip: {
    plain: {
      landscape: { kind: "alone", inset: { width: 0.22, shape: 16 / 9 } },
      portrait: { kind: "alone", inset: { width: 0.36, shape: 0.92 } },
      square: { kind: "alone", inset: { width: 0.3, shape: 1 } },
    },
    shared: {
      landscape: { kind: "alone", inset: { width: 0.2, shape: 16 / 9 } },
      portrait: duet(bottom(0.3, 0.66, 1)),
      square: duet(bottom(0.3, 0.5, 1)),
    },
  },
};

/** Whether cameras and screens are among what a layout shows. */
export function showsPictures(layout: Layout): boolean {
  const { plain, shared } = LAYOUTS[layout];
  return [plain.landscape, shared.landscape].some((plan) => plan.kind !== "voices");
}
