import { describe, expect, test } from "vitest";
import { HOLD_MS, NOBODY, OVERLAP_MS, settle, SETTLE_MS, SILENCE_MS, speakerWake } from "./speaker";
import type { Speaker } from "./speaker";

/** Who is shown after each step: what is heard, and for how many milliseconds. Time is advanced as a page would, by wakes. */
function shown(steps: readonly (readonly [heard: readonly string[], ms: number])[]): (string | null)[] {
  let speaker: Speaker = NOBODY;
  let now = 0;
  let heardBefore: readonly string[] = [];
  return steps.map(([heard, ms]) => {
    if (speaker.identity !== null && heardBefore.includes(speaker.identity)) speaker = { ...speaker, heardAt: now };
    heardBefore = heard;
    const end = now + ms;
    speaker = settle(speaker, heard, now);
    for (let wake = speakerWake(speaker, heard); wake !== null && wake < end; wake = speakerWake(speaker, heard)) {
      now = wake;
      speaker = settle(speaker, heard, now);
    }
    now = end;
    return speaker.silent ? null : speaker.identity;
  });
}

describe("the active speaker", () => {
  test("is whoever is heard first, at once", () => {
    expect(shown([[["a"], 1]])).toEqual(["a"]);
  });

  test("stays through a pause and falls silent after a longer one", () => {
    expect(
      shown([
        [["a"], 5000],
        [[], SILENCE_MS - 1],
        [[], 10],
      ]),
    ).toEqual(["a", "a", null]);
  });

  test("does not give way to a word thrown in", () => {
    expect(
      shown([
        [["a"], 5000],
        [["b"], SETTLE_MS - 1],
        [["a"], 1000],
      ]),
    ).toEqual(["a", "a", "a"]);
  });

  test("gives way to somebody who goes on", () => {
    expect(
      shown([
        [["a"], 5000],
        [["b"], SETTLE_MS + 1],
      ]),
    ).toEqual(["a", "b"]);
  });

  test("is held for a while, however fast the next one comes", () => {
    expect(
      shown([
        [["a"], 100],
        [["b"], HOLD_MS - 200],
        [["b"], 200],
      ]),
    ).toEqual(["a", "a", "b"]);
  });

  test("gives way late to somebody louder who talks at the same time", () => {
    expect(
      shown([
        [["a"], 5000],
        [["b", "a"], OVERLAP_MS - 1],
        [["b", "a"], 10],
      ]),
    ).toEqual(["a", "a", "b"]);
  });

  test("after silence is whoever is heard, without a wait", () => {
    expect(
      shown([
        [["a"], 100],
        [[], SILENCE_MS + 1],
        [["b"], 1],
      ]),
    ).toEqual(["a", null, "b"]);
  });

  test("is the same object while nothing changes", () => {
    const speaker = settle(NOBODY, ["a"], 0);
    expect(settle(speaker, ["a", "b"], 100)).toBe(speaker);
    expect(settle(NOBODY, [], 100)).toBe(NOBODY);
  });
});
