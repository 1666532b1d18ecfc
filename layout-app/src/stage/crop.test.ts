import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pictureIn, SAFE, safeShapes, seenPart } from "./crop";

const WIDE = 16 / 9;

test.each([
  ["a wide picture fills a wide tile", WIDE, 622, 342, "all"],
  ["a wide picture fills a tile of 4:3", WIDE, 622, 466, "all"],
  ["a wide picture fills a square tile", WIDE, 300, 300, "all"],
  ["a wide picture would lose its face in an upright tile", WIDE, 300, 480, "a band"],
  ["a picture of 4:3 fills a wide tile", 4 / 3, 622, 360, "all"],
  ["a square picture would lose its head in a wide tile", 1, 622, 342, "a column"],
  ["an upright picture would lose its head in a wide tile", 9 / 16, 622, 342, "a column"],
  ["an upright picture fills an upright tile", 9 / 16, 300, 480, "all"],
  ["no picture leaves the tile to the avatar", null, 622, 342, "all"],
] as const)("%s", (_, shape, width, height, expected) => {
  const picture = pictureIn(shape, { width, height });
  const filled = picture.width === width ? (picture.height === height ? "all" : "a band") : "a column";
  expect(filled).toBe(expected);
});

describe("whatever picture in whatever tile", () => {
  const side = fc.integer({ min: 60, max: 4096 });
  const tile = fc.record({ width: side, height: side });
  const shape = fc.double({ min: 0.3, max: 3.6, noNaN: true });

  test("the safe part is seen", () => {
    fc.assert(
      fc.property(shape, tile, (camera, size) => {
        const seen = seenPart(camera, pictureIn(camera, size));
        // Whole pixels bend the shape a little.
        expect(seen.width).toBeGreaterThan(SAFE.width - 0.02);
        expect(seen.height).toBeGreaterThan(SAFE.height - 0.02);
        expect(seen.x + seen.width / 2).toBeCloseTo(0.5);
        expect(seen.y).toBeLessThan(0.05);
      }),
    );
  });

  test("it stands in the middle, inside, and touches two sides of its tile", () => {
    fc.assert(
      fc.property(shape, tile, (camera, size) => {
        const { x, y, width, height } = pictureIn(camera, size);
        expect(width === size.width || height === size.height).toBe(true);
        expect(Math.abs(2 * x + width - size.width)).toBeLessThanOrEqual(1);
        expect(Math.abs(2 * y + height - size.height)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("it fills its tile unless that would cut a face", () => {
    fc.assert(
      fc.property(shape, tile, (camera, size) => {
        const [least, most] = safeShapes(camera);
        const ratio = size.width / size.height;
        const { width, height } = pictureIn(camera, size);
        if (ratio >= least && ratio <= most) expect([width, height]).toEqual([size.width, size.height]);
      }),
    );
  });
});
