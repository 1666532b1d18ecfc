import { expect, test } from "vitest";
import { compare } from "./compare.mjs";

const [WIDTH, HEIGHT] = [320, 180];
const TILES = [
  [8, 8, 148, 80],
  [164, 8, 148, 80],
  [8, 92, 148, 80],
  [164, 92, 148, 80],
];

/** Tiles with something in them, as a recording has them; `change` may do something to a pixel. */
function picture(tiles, change = (value) => value) {
  const rgba = new Uint8Array(WIDTH * HEIGHT * 4);
  for (let y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) {
      const tile = tiles.findIndex(
        ([left, top, width, height]) => x >= left && y >= top && x < left + width && y < top + height,
      );
      const [left, top] = tiles[tile] ?? [0, 0];
      const face = Math.hypot(x - left - 74, y - top - 36) < 24 ? 90 : 0;
      const value = tile < 0 ? 16 : 70 + 30 * tile + face;
      const at = 4 * (y * WIDTH + x);
      rgba.set([change(value, x, y), change(value, x, y), change(value, x, y), 255], at);
    }
  }
  return rgba;
}

const approved = picture(TILES);
const against = (fresh) => compare(approved, fresh, WIDTH, HEIGHT);

test("a picture is like itself", () => {
  expect(against(approved)).toMatchObject({ same: true, different: 0 });
});

test("noise of a codec, and a word in another font, are no difference", () => {
  const noisy = picture(TILES, (value, x, y) => value + ((x * 7 + y * 13) % 5) - 2);
  expect(against(noisy).same).toBe(true);
  const word = (phase) =>
    picture(TILES, (value, x, y) => (x >= 12 && x < 40 && y >= 76 && y < 83 && (x + phase) % 4 < 2 ? 240 : value));
  expect(compare(word(0), word(1), WIDTH, HEIGHT).same).toBe(true);
});

test.each([
  ["to the right", [3, 0]],
  ["down", [0, 3]],
])("a tile that has moved %s by less than a hundredth of the frame is a difference", (_, [right, down]) => {
  const [[left, top, width, height], ...others] = TILES;
  const moved = against(picture([[left + right, top + down, width, height], ...others]));
  expect(moved.same).toBe(false);
});

test("a tile that is missing, or of another colour, is a difference", () => {
  expect(against(picture(TILES.slice(0, 3))).same).toBe(false);
  expect(against(picture(TILES, (value) => (value === 130 ? 160 : value))).same).toBe(false);
});
