import { expect, test } from "vitest";
import { cells } from "./counter";

const row = (count: number) =>
  cells(count)
    .map((white) => (white ? "1" : "0"))
    .join("");

test.each([
  [0, "10" + "0000000000000000" + "0" + "1"],
  [1, "10" + "0000000000000001" + "1" + "1"],
  [2, "10" + "0000000000000011" + "0" + "1"],
  [65535, "10" + "1000000000000000" + "1" + "1"],
  [65536, "10" + "0000000000000000" + "0" + "1"],
])("%i is drawn as %s", (count, expected) => {
  expect(row(count)).toBe(expected);
});

test("neighbouring numbers differ in one cell and the parity", () => {
  for (const count of [0, 1, 7, 255, 32767, 65535]) {
    const next = cells(count + 1);
    expect(cells(count).filter((white, i) => white !== next[i])).toHaveLength(2);
  }
});
