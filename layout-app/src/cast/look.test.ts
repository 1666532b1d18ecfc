import { expect, test } from "vitest";
import { look } from "./look";
import { pose } from "./pose";

const SEEDS = Array.from({ length: 200 }, (_, i) => i + 1);

test("a seed always looks the same, and seeds look different", () => {
  expect(look(7, 200)).toEqual(look(7, 200));
  expect(new Set(SEEDS.map((seed) => JSON.stringify(look(seed, 200)))).size).toBe(SEEDS.length);
});

test("only a low voice has a beard", () => {
  expect(SEEDS.every((seed) => look(seed, 196).beard === "none")).toBe(true);
  expect(SEEDS.some((seed) => look(seed, 110).beard !== "none")).toBe(true);
});

test("eyes blink in every stretch of seven seconds and are open most of the time", () => {
  const eyes = Array.from({ length: 60 * 70 }, (_, frame) => pose(3, frame / 60, 0).eyes);
  for (let start = 0; start + 420 <= eyes.length; start += 420) {
    expect(Math.min(...eyes.slice(start, start + 420))).toBeLessThan(0.3);
  }
  expect(eyes.filter((open) => open === 1).length / eyes.length).toBeGreaterThan(0.9);
});

test.each([
  [-0.5, 0],
  [0, 0],
  [0.6, 0.6],
  [3, 1],
])("a voice at level %d opens the mouth to %d", (level, mouth) => {
  expect(pose(0, 1, level).mouth).toBe(mouth);
});

test("a head never leaves its place by more than a few units", () => {
  for (let time = 0; time < 120; time += 0.1) {
    const { x, y, tilt } = pose(time * 7, time, 1);
    expect(Math.abs(x)).toBeLessThan(6);
    expect(Math.abs(y)).toBeLessThan(7);
    expect(Math.abs(tilt)).toBeLessThan(0.08);
  }
});
