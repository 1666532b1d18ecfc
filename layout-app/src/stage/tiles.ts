import type { Beside } from "./chat";
import { inBand, inColumn } from "./chat";
import { gridCapacity, gridRects, MOST_TILES } from "./grid";
import type { TileShape } from "./grid";
import { gapOf, moreAt, stageArea } from "./placing";
import type { Rect } from "./rect";
import { around, frameKind } from "./rect";
import type { Arrangement, Person, Placement, Scene } from "./scene";
import { seat } from "./seating";

/** Of two people each has half of the frame, and is seen beside what stands in a corner of it. */
const CROWD = 3;

interface Tiling {
  readonly shape: TileShape;
  /** At most so many; by what fits when absent. */
  readonly most?: number;
  /** How high a tile may be, as a part of the frame's shorter side. */
  readonly largest?: number;
  /** Whether those without a tile are told of; absent for yes. */
  readonly counted?: boolean;
  /** What is laid over the picture may stand beside the tiles; absent for no. */
  readonly open?: boolean;
}

/** Tiles of one size for everybody, or for as many as there is room for. */
export function inTiles(
  scene: Scene,
  previous: readonly string[],
  { shape, most = MOST_TILES, largest = Infinity, counted = true, open = false }: Tiling,
  placed: (person: Person, rect: Rect) => Placement,
): Arrangement {
  const { rest: area, chat } = besideChat(scene, Math.min(most, scene.people.length));
  const gap = gapOf(scene.viewport, scene.gap);
  // Whatever the frame, there is room for somebody beside the tile that counts the others.
  const capacity = Math.max(Math.min(2, most), Math.min(most, gridCapacity(area, gap, shape)));
  const { people, seats, count, pages, slots } = pageOf(scene, scene.people, previous, capacity, counted);
  const rects = gridRects(slots, area, gap, shape, largest * Math.min(scene.viewport.width, scene.viewport.height));
  const placements = people.flatMap((person, at) => {
    const rect = rects[at];
    return rect ? [placed(person, rect)] : [];
  });
  const last = rects[people.length];
  if (count > 0 && last) placements.push(moreAt(count, last));
  const taken = around(placements.map(({ rect }) => rect));
  return { placements, seats, pages, focus: (open ? null : taken) ?? area, ...(chat && { chat }) };
}

/** What a few lines of chat leave for the tiles, where tiles are so small that the lines would hide whoever sits in the corner. */
function besideChat(scene: Scene, tiles: number): Partial<Beside> & Pick<Beside, "rest"> {
  const area = stageArea(scene);
  if (!scene.chat || tiles < CROWD) return { rest: area };
  const gap = gapOf(scene.viewport, scene.gap);
  return frameKind(scene.viewport) === "landscape" ? inColumn(area, gap) : inBand(area, gap);
}

export interface Page {
  readonly people: readonly Person[];
  /** The order of everybody, to be kept. */
  readonly seats: readonly string[];
  /** How many are elsewhere and are to be told of. */
  readonly count: number;
  readonly pages: number;
  /** How many tiles a full page has: on one that isn't full, tiles are no larger. */
  readonly slots: number;
}

/** Who is seen on the scene's page, when `capacity` tiles are there for `guests`. */
export function pageOf(
  scene: Scene,
  guests: readonly Person[],
  previous: readonly string[],
  capacity: number,
  counted: boolean,
): Page {
  const crowded = counted && guests.length > capacity;
  const seated = crowded ? capacity - 1 : capacity;
  const seats = seat(previous, guests, seated);
  const pages = crowded && seated > 0 ? Math.ceil(guests.length / seated) : 1;
  const first = (scene.page % pages) * seated;
  const known = new Map(guests.map((guest) => [guest.identity, guest]));
  const people = seats.slice(first, first + seated).flatMap((identity) => known.get(identity) ?? []);
  const count = crowded ? guests.length - people.length : 0;
  return { people, seats, count, pages, slots: crowded ? capacity : people.length };
}
