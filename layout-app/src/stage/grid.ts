import type { TileShapes } from "./layouts";
import type { Rect } from "./rect";
import { fitWithin } from "./rect";
import type { Person } from "./scene";

/** Shapes a tile may take, as width over height. */
export interface TileShape {
  readonly least: number;
  readonly most: number;
}

/** Smallest width or height of a tile in which a face and a name can be told. */
export const SMALLEST_TILE = 88;

/** More tiles than that are a pattern, not people. */
export const MOST_TILES = 49;

interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly tile: { width: number; height: number };
}

/**
 * `count` tiles of one size in `area`, the tile as large as can be, but not higher than `highest`. A last row that isn't full is centred.
 */
export function gridRects(count: number, area: Rect, gap: number, shape: TileShape, highest = Infinity): Rect[] {
  if (count <= 0) return [];
  const { columns, rows, tile } = bestGrid(count, area, gap, shape, highest);
  const height = rows * tile.height + (rows - 1) * gap;
  const top = area.y + Math.floor((area.height - height) / 2);
  const rects: Rect[] = [];
  for (let row = 0; row < rows; row += 1) {
    const inRow = Math.min(columns, count - row * columns);
    const width = inRow * tile.width + (inRow - 1) * gap;
    const left = area.x + Math.floor((area.width - width) / 2);
    for (let column = 0; column < inRow; column += 1) {
      rects.push({ x: left + column * (tile.width + gap), y: top + row * (tile.height + gap), ...tile });
    }
  }
  return rects;
}

/** How many tiles fit into `area` before they get too small; at least one. */
export function gridCapacity(area: Rect, gap: number, shape: TileShape): number {
  for (let count = MOST_TILES; count > 1; count -= 1) {
    const { tile } = bestGrid(count, area, gap, shape);
    if (tile.width >= SMALLEST_TILE && tile.height >= SMALLEST_TILE / shape.most) return count;
  }
  return 1;
}

function bestGrid(count: number, area: Rect, gap: number, shape: TileShape, highest = Infinity): Grid {
  let best: Grid = { columns: 1, rows: count, tile: { width: 1, height: 1 } };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cell = {
      x: 0,
      y: 0,
      width: Math.floor((area.width - gap * (columns - 1)) / columns),
      height: Math.floor(Math.min((area.height - gap * (rows - 1)) / rows, highest)),
    };
    if (cell.width < 1 || cell.height < 1) continue;
    const { width, height } = fitWithin(cell, shape.least, shape.most);
    const grid = { columns, rows, tile: { width, height } };
    const gain = width * height - best.tile.width * best.tile.height;
    if (gain > 0 || (gain === 0 && unlike(grid, area) < unlike(best, area))) best = grid;
  }
  return best;
}

/** How far the whole of the tiles is from the shape of the area: what decides when tiles are as large either way. */
function unlike({ columns, rows, tile }: Grid, area: Rect): number {
  return Math.abs(Math.log((columns * tile.width * area.height) / (rows * tile.height * area.width)));
}

/** Tiles are upright where most pictures are. */
export function shapeFor(people: readonly Person[], { wide, tall }: TileShapes): TileShape {
  const shapes = people.flatMap(({ shape }) => (shape === null ? [] : [shape]));
  const upright = shapes.filter((shape) => shape < 0.9).length;
  return upright * 2 > shapes.length ? tall : wide;
}
