import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TileShape } from "./grid";
import { gridCapacity, gridRects, MOST_TILES } from "./grid";
import type { Rect } from "./rect";

const WIDE_TILES: TileShape = { least: 4 / 3, most: 1.86 };
const TALL_TILES: TileShape = { least: 0.62, most: 1 };
const HD: Rect = { x: 10, y: 10, width: 1260, height: 700 };
const UPRIGHT: Rect = { x: 10, y: 10, width: 700, height: 1260 };
const GAP = 10;

/** Tiles in each row. */
function rows(rects: readonly Rect[]): number[] {
  const counts = new Map<number, number>();
  for (const { y } of rects) counts.set(y, (counts.get(y) ?? 0) + 1);
  return [...counts.values()];
}

test.each([
  [1, [1]],
  [2, [2]],
  [3, [2, 1]],
  [4, [2, 2]],
  [5, [3, 2]],
  [6, [3, 3]],
  [9, [3, 3, 3]],
  [12, [4, 4, 4]],
  [16, [4, 4, 4, 4]],
  [25, [5, 5, 5, 5, 5]],
  [49, [7, 7, 7, 7, 7, 7, 7]],
])("%i people in a landscape frame sit in rows of %j", (count, expected) => {
  expect(rows(gridRects(count, HD, GAP, WIDE_TILES))).toEqual(expected);
});

test.each([
  [1, [1]],
  [2, [1, 1]],
  [4, [1, 1, 1, 1]],
  [9, [2, 2, 2, 2, 1]],
])("%i people in an upright frame sit in rows of %j", (count, expected) => {
  expect(rows(gridRects(count, UPRIGHT, GAP, WIDE_TILES))).toEqual(expected);
});

test("upright pictures sit side by side", () => {
  expect(rows(gridRects(4, HD, GAP, TALL_TILES))).toEqual([4]);
});

describe.each([
  ["landscape", HD],
  ["upright", UPRIGHT],
  ["small", { x: 4, y: 4, width: 632, height: 352 }],
  ["square", { x: 0, y: 0, width: 999, height: 1001 }],
])("in a %s frame, for every number of people", (_, area) => {
  const counts = Array.from({ length: MOST_TILES }, (_, at) => at + 1);

  test("tiles lie inside, apart, at one size and a shape that suits a face", () => {
    for (const count of counts) check(count);
  });

  function check(count: number) {
    const rects = gridRects(count, area, GAP, WIDE_TILES);
    expect(rects).toHaveLength(count);
    const [first] = rects;
    for (const [at, rect] of rects.entries()) {
      expect(Number.isInteger(rect.x) && Number.isInteger(rect.y)).toBe(true);
      expect([rect.width, rect.height]).toEqual([first?.width, first?.height]);
      expect(rect.x).toBeGreaterThanOrEqual(area.x);
      expect(rect.y).toBeGreaterThanOrEqual(area.y);
      expect(rect.x + rect.width).toBeLessThanOrEqual(area.x + area.width);
      expect(rect.y + rect.height).toBeLessThanOrEqual(area.y + area.height);
      for (const other of rects.slice(0, at)) {
        const apart =
          rect.x >= other.x + other.width + GAP ||
          other.x >= rect.x + rect.width + GAP ||
          rect.y >= other.y + other.height + GAP;
        expect(apart).toBe(true);
      }
    }
    const shape = (first?.width ?? 0) / (first?.height ?? 1);
    // Whole pixels bend the shape of small tiles a little.
    expect(shape).toBeGreaterThan(WIDE_TILES.least * 0.95);
    expect(shape).toBeLessThan(WIDE_TILES.most * 1.05);
  }
});

test("tiles never grow when somebody comes", () => {
  const area = (count: number) => {
    const [tile] = gridRects(count, HD, GAP, WIDE_TILES);
    return (tile?.width ?? 0) * (tile?.height ?? 0);
  };
  for (let count = 2; count <= MOST_TILES; count += 1) expect(area(count)).toBeLessThanOrEqual(area(count - 1));
});

test.each([
  [HD, MOST_TILES],
  [{ x: 0, y: 0, width: 632, height: 352 }, 36],
  [{ x: 0, y: 0, width: 120, height: 120 }, 2],
  [{ x: 0, y: 0, width: 40, height: 40 }, 1],
])("the frame %j has room for %i", (area, capacity) => {
  expect(gridCapacity(area, GAP, WIDE_TILES)).toBe(capacity);
});

test("no other number of columns has larger tiles, whatever the frame", () => {
  const side = fc.integer({ min: 300, max: 2160 });
  const shape = fc.tuple(fc.double({ min: 0.5, max: 1.4, noNaN: true }), fc.double({ min: 1, max: 1.6, noNaN: true }));
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: MOST_TILES }),
      side,
      side,
      fc.nat(40),
      shape,
      (count, width, height, gap, by) => {
        const shapes = { least: by[0], most: by[0] * by[1] };
        const [tile] = gridRects(count, { x: 0, y: 0, width, height }, gap, shapes);
        if (!tile) throw new Error("no tile");
        for (let columns = 1; columns <= count; columns += 1) {
          const rows = Math.ceil(count / columns);
          const cell = { width: (width - gap * (columns - 1)) / columns, height: (height - gap * (rows - 1)) / rows };
          if (cell.width < 1 || cell.height < 1) continue;
          const ratio = Math.min(Math.max(cell.width / cell.height, shapes.least), shapes.most);
          const other = {
            width: Math.min(cell.width, cell.height * ratio),
            height: Math.min(cell.height, cell.width / ratio),
          };
          // Whole pixels: a tile may be a pixel short on each side.
          expect((tile.width + 1.5) * (tile.height + 1.5)).toBeGreaterThanOrEqual(other.width * other.height);
        }
      },
    ),
  );
});

test("tiles are no higher than they may be, and stay together in the middle", () => {
  const rects = gridRects(2, HD, GAP, { least: 0.85, most: 0.85 }, 300);
  expect(rects).toEqual([
    { x: 380, y: 210, width: 255, height: 300 },
    { x: 645, y: 210, width: 255, height: 300 },
  ]);
});
