import { expect, test } from "vitest";
import { Voices } from "./voices";

test("a voice is heard from its first sounds until a moment after its last", () => {
  const voices = new Voices();
  const at = (level: number, now: number) => voices.heard([["a", level]], now);
  expect(at(0, 0)).toEqual([]);
  expect(at(0.3, 150)).toEqual(["a"]);
  let now = 150;
  let last = 150;
  while (at(0, (now += 150)).length > 0) last = now;
  expect(last).toBeGreaterThan(300);
  expect(last).toBeLessThan(2000);
});

test("a hum is no voice", () => {
  const voices = new Voices();
  for (let now = 0; now < 3000; now += 150) expect(voices.heard([["a", 0.005]], now)).toEqual([]);
});

test("the loudest comes first", () => {
  expect(
    new Voices().heard(
      [
        ["a", 0.1],
        ["b", 0.4],
        ["c", 0.2],
      ],
      0,
    ),
  ).toEqual(["b", "c", "a"]);
});

test("a level follows its voice, and is nothing for a stranger", () => {
  const voices = new Voices();
  voices.heard([["a", 0.8]], 0);
  const first = voices.levelOf("a");
  voices.heard([["a", 0.8]], 150);
  expect(voices.levelOf("a")).toBeGreaterThan(first);
  expect(voices.levelOf("b")).toBe(0);
});

test("whoever left is not heard", () => {
  const voices = new Voices();
  voices.heard([["a", 0.4]], 0);
  voices.forget("a");
  expect(voices.heard([], 10)).toEqual([]);
});
