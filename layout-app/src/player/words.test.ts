import { expect, test } from "vitest";
import { clock, initials, length, moment, size } from "./words";

test("positions, lengths and sizes are as people write them", () => {
  expect([0, 65.9, 3845, NaN, Infinity, -1].map(clock)).toEqual(["0:00", "1:05", "1:04:05", "0:00", "0:00", "0:00"]);
  expect([12, 59.6, 240, 3840, 86_400].map(length)).toEqual(["12 s", "1 min", "4 min", "1 h 4 min", "24 h 0 min"]);
  expect([1, 999_499, 12_400_000, 2_340_000_000].map(size)).toEqual(["1 kB", "999 kB", "12 MB", "2.3 GB"]);
});

test("a name has its initials, whatever it is written in", () => {
  expect(["Ada Lovelace", "bo", "Anna Maria Øst", "李 明", "🦀", " "].map(initials)).toEqual([
    "AL",
    "B",
    "AØ",
    "李明",
    "🦀",
    "",
  ]);
});

test("what is no moment is not shown", () => {
  expect(moment("2026-12-01T09:00:00Z")).toContain("2026");
  expect(moment("soon")).toBe("");
});
