import { describe, expect, test } from "vitest";
import { CAPTION_MS, LONGEST_CAPTION } from "./captions";
import type { RoomChange } from "./change";
import { nextWake, reduce } from "./reduce";
import type { RoomState } from "./room";
import { EMPTY_ROOM } from "./room";
import { timeline } from "./timeline";

const says = (segment: string, text: string, final = false, identity = "ada"): RoomChange => ({
  type: "caption",
  segment,
  identity,
  name: identity,
  text,
  final,
});

function play(...changes: [RoomChange, number][]): RoomState {
  return changes.reduce((room, [change, now]) => reduce(room, change, now), EMPTY_ROOM);
}

const texts = ({ captions }: RoomState) => captions.map(({ text }) => text);

describe("captions", () => {
  test("grow with what is understood, and go some time after the last word", () => {
    const room = play([says("1", "Good"), 0], [says("1", "Good morning"), 900]);
    expect(room.captions).toMatchObject([{ text: "Good morning", since: 0, at: 900, final: false }]);
    expect(nextWake(room)).toBe(900 + CAPTION_MS);
    expect(texts(reduce(room, { type: "tick" }, 900 + CAPTION_MS))).toEqual([]);
  });

  test("of one person replace each other; those of two stand together", () => {
    const ada = play([says("1", "One.", true), 0], [says("2", "Two."), 10]);
    expect(texts(ada)).toEqual(["Two."]);
    expect(texts(reduce(ada, says("3", "Three.", false, "bob"), 20))).toEqual(["Two.", "Three."]);
  });

  test("that are told twice are shown and written once", () => {
    const first = says("1", "Done.", true);
    const room = play([first, 0]);
    expect(timeline(EMPTY_ROOM, room, first)).toEqual([
      { kind: "caption", identity: "ada", name: "ada", text: "Done.", lasted_ms: 0 },
    ]);
    expect(reduce(room, first, 5)).toBe(room);
    // Even when it has gone from the picture by then.
    const later = reduce(room, { type: "tick" }, CAPTION_MS);
    expect(reduce(later, first, CAPTION_MS + 1)).toBe(later);
  });

  test("are written when they are final, with the time they took", () => {
    const before = play([says("1", "So"), 100], [says("1", "So be"), 700]);
    const last = says("1", "So be it.", true);
    const after = reduce(before, last, 1500);
    expect(timeline(before, after, last)).toMatchObject([{ kind: "caption", text: "So be it.", lasted_ms: 1400 }]);
  });

  test("that never end keep their end, from the beginning of a word", () => {
    const [caption] = play([says("1", "word ".repeat(400)), 0]).captions;
    expect(caption?.text.length).toBeLessThanOrEqual(LONGEST_CAPTION + 1);
    expect(caption?.text).toMatch(/^…word .*word$/);
  });

  test("that say nothing to be drawn are none", () => {
    expect(texts(play([says("1", " \u202e\n"), 0]))).toEqual([]);
  });
});

describe("a pinned line", () => {
  test("stays, fit to be drawn, until it is taken away", () => {
    const room = play([{ type: "pinned", line: { name: "Ada", text: " Vote\u202e now " } }, 0]);
    expect(room.pinned).toEqual({ name: "Ada", text: "Vote now" });
    expect(reduce(room, { type: "tick" }, 1e7).pinned).toBe(room.pinned);
    expect(reduce(room, { type: "pinned", line: null }, 1).pinned).toBeNull();
  });

  test("without anything to read is none", () => {
    expect(play([{ type: "pinned", line: { name: "Ada", text: "\u200b" } }, 0]).pinned).toBeNull();
  });
});
