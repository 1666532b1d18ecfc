import { expect, test } from "vitest";
import { seat } from "./seating";

/** `b*2` is b, who last began to speak at 2. */
function guests(text: string) {
  return text
    .split(" ")
    .filter(Boolean)
    .map((word) => {
      const [identity = "", spoke] = word.split("*");
      return { identity, spokeAt: spoke === undefined ? null : Number(spoke) };
    });
}

test.each([
  ["everybody sits in order of joining", "", "a b c", 4, "a b c"],
  ["a newcomer sits at the end", "a b", "a b c", 4, "a b c"],
  ["whoever leaves is closed up behind", "a b c", "a c", 4, "a c"],
  ["a newcomer takes the place of whoever left in the same moment", "a b c", "a c d", 4, "a d c"],
  ["with few seats the first ones sit", "", "a b c d", 2, "a b"],
  ["a silent newcomer stands", "a b", "a b c", 2, "a b"],
  ["somebody who spoke takes the seat of the one who never did and came last", "a b", "a b c*5", 2, "a c"],
  ["somebody who spoke takes the seat of the one who spoke longest ago", "a b", "a*1 b*3 c*5", 2, "c b"],
  ["nobody moves when a seated one speaks", "a b", "a b*9 c", 2, "a b"],
  ["fewer seats keep those who spoke last", "a b c", "a*1 b*3 c*2", 2, "b c"],
  ["no seats, nobody sits", "a b", "a b", 0, ""],
  ["an empty room", "a", "", 3, ""],
])("%s", (_, previous, present, capacity, expected) => {
  const seats = seat(previous.split(" ").filter(Boolean), guests(present), capacity);
  expect(seats.join(" ")).toBe(expected);
});

test("the speaker and the one who was swap places", () => {
  // b leaves the strip for the main tile while a comes from there.
  expect(seat(["b", "c", "d"], guests("a*1 c d"), 5)).toEqual(["a", "c", "d"]);
});
