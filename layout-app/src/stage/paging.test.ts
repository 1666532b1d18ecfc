import { expect, test } from "vitest";
import { nextTurn, pageAt } from "./paging";

const EACH_20_S = { page_seconds: 20 };

test.each([
  ["one page is not turned", null, EACH_20_S, 99_000, 0, null],
  ["pages that aren't to be turned stay", 1000, { page_seconds: 0 }, 99_000, 0, null],
  ["the first page stays for its time", 1000, EACH_20_S, 20_999, 0, 21_000],
  ["then comes the second", 1000, EACH_20_S, 21_000, 1, 41_000],
  ["and so on, without end", 1000, EACH_20_S, 201_000, 10, 221_000],
] as const)("%s", (_, since, turning, now, page, next) => {
  expect(pageAt(since, turning, now)).toBe(page);
  expect(nextTurn(since, turning, now)).toBe(next);
});
