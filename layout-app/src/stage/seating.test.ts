import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Guest } from "./seating";
import { seat } from "./seating";

/** `b*2` is b, who last became the speaker at 2. */
function guests(text: string): Guest[] {
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
  ["the last one takes the seat of whoever left", "a b c d", "a c d", 4, "a d c"],
  ["nobody moves when the last one leaves", "a b c", "a b", 4, "a b"],
  ["those at the end take the seats of several who left", "a b c d e", "b d e", 5, "e b d"],
  ["a newcomer takes the place of whoever left in the same moment", "a b c", "a c d", 4, "a d c"],
  ["with few seats the first ones sit", "", "a b c d", 2, "a b | c d"],
  ["a silent newcomer stands", "a b", "a b c", 2, "a b | c"],
  ["a free seat is filled from the last page", "a b c d e", "a c d e", 2, "a e | c d"],
  ["somebody who spoke changes with the one who never did and came last", "a b", "a b c*5", 2, "a c | b"],
  ["somebody who spoke changes with the one who spoke longest ago", "a b", "a*1 b*3 c*5", 2, "c b | a"],
  ["nobody moves when a seated one speaks", "a b", "a b*9 c", 2, "a b | c"],
  ["fewer seats keep those who spoke last", "a b c", "a*1 b*3 c*2", 2, "c b | a"],
  ["no seats, nobody sits", "a b", "a b", 0, "| a b"],
  ["an empty room", "a", "", 3, ""],
])("%s", (_, previous, present, capacity, expected) => {
  const order = seat(previous.split(" ").filter(Boolean), guests(present), capacity);
  const [seated, standing] = [order.slice(0, capacity), order.slice(capacity)];
  expect([...seated, ...(standing.length > 0 ? ["|", ...standing] : [])].join(" ")).toBe(expected);
});

test("the speaker and the one who was swap places", () => {
  // b leaves the strip for the main tile while a comes from there.
  expect(seat(["b", "c", "d"], guests("a*1 c d"), 5)).toEqual(["a", "c", "d"]);
});

describe("whatever happens in a room", () => {
  type Act = { kind: "join" } | { kind: "leave" | "speak"; who: number };
  const act: fc.Arbitrary<Act> = fc.oneof(
    { weight: 3, arbitrary: fc.constant({ kind: "join" as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("leave" as const), who: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("speak" as const), who: fc.nat() }) },
  );

  /** Lets things happen one after the other, and shows each step. */
  function play(
    acts: readonly Act[],
    capacity: number,
    look: (before: string[], after: string[], act: Act, who: string | undefined) => void,
  ) {
    let present: Guest[] = [];
    let order: string[] = [];
    for (const [at, each] of acts.entries()) {
      const index = each.kind === "join" ? -1 : each.who % Math.max(1, present.length);
      if (each.kind === "join") present = [...present, { identity: `p${at}`, spokeAt: null }];
      if (each.kind === "leave") present = present.filter((_, place) => place !== index);
      if (each.kind === "speak") {
        present = present.map((guest, place) => (place === index ? { ...guest, spokeAt: at } : guest));
      }
      const who = present[index]?.identity;
      const before = order;
      order = seat(before, present, capacity);
      expect([...order].sort()).toEqual(present.map(({ identity }) => identity).sort());
      look(before, order, each, who);
    }
  }

  const moves = (before: readonly string[], after: readonly string[]) =>
    after.filter((identity, place) => before.includes(identity) && before[place] !== identity).length;

  test("nobody is lost, and nobody sits twice", () => {
    fc.assert(fc.property(fc.array(act), fc.integer({ min: 0, max: 8 }), (acts, seats) => play(acts, seats, () => {})));
  });

  test("a join moves nobody, a leave one, and a voice those two who change places", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), fc.integer({ min: 0, max: 8 }), (acts, seats) => {
        play(acts, seats, (before, after, { kind }) => {
          const most = { join: 0, leave: 1, speak: 2 }[kind];
          // Who left a seat may have been why somebody of a later voice had none: then those two change places as well.
          expect(moves(before, after)).toBeLessThanOrEqual(kind === "leave" ? most + 2 : most);
        });
      }),
    );
  });

  test("while everybody has a seat nobody moves for a voice, and one for a leave", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        play(acts, Infinity, (before, after, { kind }) => {
          expect(moves(before, after)).toBeLessThanOrEqual(kind === "leave" ? 1 : 0);
        });
      }),
    );
  });

  test("whoever speaks has a seat", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (acts, seats) => {
        play(acts, seats, (_, after, { kind }, spoke) => {
          if (kind === "speak" && spoke !== undefined) expect(after.slice(0, seats)).toContain(spoke);
        });
      }),
    );
  });
});
