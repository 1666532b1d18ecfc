import { expect, test } from "vitest";
import { programme } from "./programme";

const INTRO = { seconds: 4 };
const THIRD = { after: 2, seconds: 8 };

test.each([
  ["nothing is scheduled", null, null, 0, 500, false, false, null],
  ["the intro covers a page that isn't ready yet", INTRO, THIRD, null, 500, true, false, null],
  ["the intro stays for its time", INTRO, THIRD, 1000, 4999, true, false, 5000],
  ["the intro goes", INTRO, THIRD, 1000, 5000, false, false, 7000],
  ["the lower third comes after it", INTRO, THIRD, 1000, 7000, false, true, 15_000],
  ["the lower third goes", INTRO, THIRD, 1000, 15_000, false, false, null],
  ["a lower third without an intro comes earlier", null, THIRD, 1000, 3000, false, true, 11_000],
  ["a lower third may stay", null, { after: 0, seconds: 0 }, 1000, 99_000, false, true, null],
] as const)("%s", (_, intro, lower_third, readyAt, now, covered, third, next) => {
  expect(programme({ intro, lower_third }, readyAt, now)).toEqual({ intro: covered, lowerThird: third, next });
});
