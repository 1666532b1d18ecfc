import type { Layout } from "../contract";
import type { TileShape } from "./grid";
import { gridCapacity, gridRects, TALL_TILES, WIDE_TILES } from "./grid";
import type { Rect, Size } from "./rect";
import { fitWithin, inset } from "./rect";
import type { Guest } from "./seating";
import { seat } from "./seating";

/** A person as far as the arrangement is concerned. */
export interface Person extends Guest {
  /** Width over height of the camera's picture; null when there is none. */
  readonly shape: number | null;
}

/** A screen share as far as the arrangement is concerned. */
export interface Share {
  readonly identity: string;
  /** Width over height; null before the first frame. */
  readonly shape: number | null;
}

export interface Scene {
  readonly layout: Layout;
  readonly viewport: Size;
  /** In order of joining. */
  readonly people: readonly Person[];
  /** The one to look at first. */
  readonly shares: readonly Share[];
  readonly speaker: string | null;
  /** Kept free for title and logo. */
  readonly band: { readonly side: "top" | "bottom"; readonly height: number } | null;
}

export type Placement = {
  /** Stable for as long as the same thing is shown. */
  readonly key: string;
  readonly rect: Rect;
  /** Fills the frame to its edges: no round corners. */
  readonly bleed: boolean;
} & (
  | { readonly kind: "person"; readonly identity: string; readonly fit: Fit }
  /** The lowest `caption` pixels of the rectangle are for the name: nothing covers a share. */
  | { readonly kind: "share"; readonly identity: string; readonly caption: number }
  | { readonly kind: "more"; readonly count: number }
);

/** Whether a picture fills its tile, losing its edges, or is shown whole. */
export type Fit = "cover" | "contain";

export interface Arrangement {
  readonly placements: readonly Placement[];
  /** To be given back for the next arrangement, so that tiles keep their places. */
  readonly seats: readonly string[];
  /** Where overlays that belong to the whole may stand: the part of the frame that is looked at. */
  readonly focus: Rect;
}

/** A picture may lose that much of itself to fill its tile; a portrait in a landscape tile would lose its head. */
const MOST_CROPPED = 0.36;

/** Part of the longer side that the strip beside the main tile takes. */
const STRIP_PART = 0.18;
const STRIP_SHAPE = 16 / 9;
/** Tiles of a strip that lies under the main tile, in a frame that is higher than wide. */
const STRIP_ROW = 3;
const SHARE_SHAPE = 16 / 9;

/** Where everything goes. `seats` is what the last arrangement returned. */
export function arrange(scene: Scene, seats: readonly string[]): Arrangement {
  const area = stageArea(scene);
  const gap = gapOf(scene.viewport);
  if (scene.layout === "single-speaker") return alone(scene, seats);
  if (scene.shares.length > 0 || (scene.layout === "speaker" && scene.people.length > 1)) {
    return withStrip(scene, area, gap, seats);
  }
  return grid(scene, area, gap, seats);
}

/** Distance between tiles, and from tiles to the edge of the frame. */
export function gapOf(viewport: Size): number {
  return Math.max(4, Math.round(Math.min(viewport.width, viewport.height) / 72));
}

function stageArea({ viewport, band }: Scene): Rect {
  const gap = gapOf(viewport);
  const whole = inset({ x: 0, y: 0, ...viewport }, gap);
  if (!band) return whole;
  // The band brings its own margin towards the tiles.
  const free = Math.max(1, viewport.height - band.height - gap);
  return { ...whole, y: band.side === "top" ? band.height : gap, height: free };
}

function grid(scene: Scene, area: Rect, gap: number, previous: readonly string[]): Arrangement {
  const shape = tileShape(scene.people);
  const capacity = gridCapacity(area, gap, shape);
  const crowded = scene.people.length > capacity;
  const seats = crowded ? seat(previous, scene.people, capacity - 1) : scene.people.map(({ identity }) => identity);
  const rects = gridRects(seats.length + (crowded ? 1 : 0), area, gap, shape);
  const placements = seated(scene, seats, rects);
  return { placements, seats, focus: around(placements) ?? area };
}

function withStrip(scene: Scene, area: Rect, gap: number, previous: readonly string[]): Arrangement {
  const [mainShare, ...otherShares] = scene.shares;
  const mainPerson = mainShare ? undefined : mainPersonOf(scene);
  const guests = scene.people.filter((person) => person !== mainPerson);
  const { main, strip, capacity } = splitOff(area, gap, guests.length + otherShares.length);

  const shares = otherShares.slice(0, Math.max(0, capacity - 1));
  const free = capacity - shares.length;
  const crowded = guests.length > free;
  const seats = seat(previous, guests, crowded ? free - 1 : free);
  const rects = stripRects(strip, gap, shares.length + seats.length + (crowded ? 1 : 0));

  const shareTiles = shares.map((share, at): Placement => shareAt(share, rects[at] ?? strip));
  const people = seated({ ...scene, people: guests }, seats, rects.slice(shares.length));
  const centre = mainShare
    ? captioned(mainShare, main, captionOf(scene.viewport))
    : mainPerson && personAt(mainPerson, fitWithin(main, ...mainShape(mainPerson)));
  return {
    placements: centre ? [centre, ...shareTiles, ...people] : people,
    seats,
    // Beside a share there is room that covers nothing of it.
    focus: mainShare ? main : (centre?.rect ?? main),
  };
}

/** The frame for one: no margin, no strip. A share takes it, for it is what the speaker speaks of. */
function alone(scene: Scene, seats: readonly string[]): Arrangement {
  const whole = { x: 0, y: 0, ...scene.viewport };
  const [share] = scene.shares;
  const person = mainPersonOf(scene);
  const placement = share ? shareAt(share, whole, true) : person && personAt(person, whole, true);
  return { placements: placement ? [placement] : [], seats, focus: whole };
}

/** The speaker; before anybody spoke, or when the speaker left, the first one with a picture. */
function mainPersonOf({ people, speaker }: Scene): Person | undefined {
  return people.find(({ identity }) => identity === speaker) ?? people.find(({ shape }) => shape !== null) ?? people[0];
}

function splitOff(area: Rect, gap: number, guests: number): { main: Rect; strip: Rect; capacity: number } {
  if (guests === 0) return { main: area, strip: area, capacity: 0 };
  if (area.width >= area.height) {
    const width = Math.round(Math.min(Math.max(area.width * STRIP_PART, 72), area.width / 3));
    const height = Math.round(width / STRIP_SHAPE);
    return {
      main: { ...area, width: area.width - width - gap },
      strip: { ...area, x: area.x + area.width - width, width },
      capacity: Math.max(1, Math.floor((area.height + gap) / (height + gap))),
    };
  }
  const width = Math.floor((area.width - (STRIP_ROW - 1) * gap) / STRIP_ROW);
  const height = Math.max(1, Math.round(width / STRIP_SHAPE));
  return {
    main: { ...area, height: area.height - height - gap },
    strip: { ...area, y: area.y + area.height - height, height },
    capacity: STRIP_ROW,
  };
}

/** Tiles of the strip's own width, in a column that is centred; or in a row, where the strip lies. */
function stripRects(strip: Rect, gap: number, count: number): Rect[] {
  const upright = strip.height > strip.width;
  const width = upright ? strip.width : Math.floor((strip.width - (STRIP_ROW - 1) * gap) / STRIP_ROW);
  const height = upright ? Math.round(strip.width / STRIP_SHAPE) : strip.height;
  const length = count * ((upright ? height : width) + gap) - gap;
  const start = Math.max(0, Math.floor(((upright ? strip.height : strip.width) - length) / 2));
  return Array.from({ length: count }, (_, at) => ({
    x: upright ? strip.x : strip.x + start + at * (width + gap),
    y: upright ? strip.y + start + at * (height + gap) : strip.y,
    width,
    height,
  }));
}

/** One placement for each seat, and one more that says how many have none. */
function seated(scene: Scene, seats: readonly string[], rects: readonly Rect[]): Placement[] {
  const people = new Map(scene.people.map((person) => [person.identity, person]));
  const placements: Placement[] = [];
  for (const [at, identity] of seats.entries()) {
    const person = people.get(identity);
    const rect = rects[at];
    if (person && rect) placements.push(personAt(person, rect));
  }
  const rest = rects[seats.length];
  const count = scene.people.length - seats.length;
  if (rest && count > 0) placements.push({ key: "more", kind: "more", rect: rest, bleed: false, count });
  return placements;
}

function personAt(person: Person, rect: Rect, bleed = false): Placement {
  const fit = fitOf(person.shape, rect);
  return { key: `person ${person.identity}`, kind: "person", identity: person.identity, rect, bleed, fit };
}

function shareAt(share: Share, rect: Rect, bleed = false, caption = 0): Placement {
  return { key: `share ${share.identity}`, kind: "share", identity: share.identity, rect, bleed, caption };
}

/** A share at its own shape, with its caption below, both in the middle of the area. */
function captioned(share: Share, area: Rect, caption: number): Placement {
  const shape = share.shape ?? SHARE_SHAPE;
  const screen = fitWithin({ ...area, height: Math.max(1, area.height - caption) }, shape, shape);
  return shareAt(share, { ...screen, height: screen.height + caption }, false, caption);
}

function captionOf({ width, height }: Size): number {
  return Math.round(Math.min(width, height) / 22);
}

/** The shapes at which the main picture fills its tile without losing too much of itself. */
function mainShape({ shape }: Person): [least: number, most: number] {
  if (shape === null) return [0.75, WIDE_TILES.most];
  return [shape * (1 - MOST_CROPPED), shape / (1 - MOST_CROPPED)];
}

function around(placements: readonly Placement[]): Rect | null {
  if (placements.length === 0) return null;
  const left = Math.min(...placements.map(({ rect }) => rect.x));
  const top = Math.min(...placements.map(({ rect }) => rect.y));
  const right = Math.max(...placements.map(({ rect }) => rect.x + rect.width));
  const bottom = Math.max(...placements.map(({ rect }) => rect.y + rect.height));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** Fills the tile unless that would cut off too much. */
export function fitOf(shape: number | null, rect: Rect): Fit {
  if (shape === null) return "cover";
  const tile = rect.width / rect.height;
  return 1 - Math.min(shape, tile) / Math.max(shape, tile) <= MOST_CROPPED ? "cover" : "contain";
}

function tileShape(people: readonly Person[]): TileShape {
  const shapes = people.flatMap(({ shape }) => (shape === null ? [] : [shape]));
  const upright = shapes.filter((shape) => shape < 0.9).length;
  return upright * 2 > shapes.length ? TALL_TILES : WIDE_TILES;
}
