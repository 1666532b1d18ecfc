import { expect, test } from "vitest";
import { clockText, timeText } from "./clock";

test.each([
  [-5, "0:00"],
  [59_999, "0:59"],
  [247_000, "4:07"],
  [3_600_000, "1:00:00"],
  [36_247_000, "10:04:07"],
])("%i ms are written %s", (milliseconds, text) => {
  expect(clockText(milliseconds)).toBe(text);
});

test("the time of day has two digits each", () => {
  expect(timeText({ getHours: () => 9, getMinutes: () => 5 })).toBe("09:05");
});
