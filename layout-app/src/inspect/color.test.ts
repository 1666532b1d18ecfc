import { expect, test } from "vitest";
import { BLACK, contrast, over, readColor, WHITE } from "./color";

test.each([
  ["rgb(14, 17, 22)", { r: 14, g: 17, b: 22, a: 1 }],
  ["rgba(255, 0, 0, 0.5)", { r: 255, g: 0, b: 0, a: 0.5 }],
  ["color(srgb 1 0.5 0 / 0.25)", { r: 255, g: 127.5, b: 0, a: 0.25 }],
  ["oklab(0.5 0 0)", null],
  ["transparent", null],
])("%s is read", (text, color) => {
  expect(readColor(text)).toEqual(color);
});

test("contrast is that of the web's guidelines", () => {
  expect(contrast(BLACK, WHITE)).toBeCloseTo(21);
  expect(contrast(WHITE, WHITE)).toBe(1);
  // The grey that is known for being just enough on white.
  expect(contrast({ r: 118, g: 118, b: 118, a: 1 }, WHITE)).toBeCloseTo(4.54, 2);
});

test("half of a colour over another is the middle", () => {
  expect(over({ ...WHITE, a: 0.5 }, BLACK)).toEqual({ r: 127.5, g: 127.5, b: 127.5, a: 1 });
});
