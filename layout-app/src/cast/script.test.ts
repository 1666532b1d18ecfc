import { expect, test } from "vitest";
import type { CastMember, CastScript } from "../contract/cast";
import { cuesBetween, saidAt, speaks } from "./script";

const member = (mic: boolean): CastMember => ({
  name: "A",
  look: 1,
  voice_hz: 110,
  camera: true,
  mic,
  side: null,
  size: { width: 640, height: 360 },
  screen: false,
});

const SCRIPT: CastScript = {
  speech: { kind: "turns", turn_ms: 4000 },
  lines: ["one two three four", "five six"],
  cues: [
    { at_ms: 1000, member: 0, action: { kind: "chat", text: "first" } },
    { at_ms: 2000, member: 2, action: { kind: "reaction", emoji: "👍" } },
  ],
  repeat_ms: 10_000,
};

test.each([
  [-1, null],
  [0, 0],
  [3999, 0],
  [4000, 2],
  [8000, 0],
])("at %d ms member %s has the turn; one without a microphone has none", (ms, speaker) => {
  const members = [member(true), member(false), member(true)];
  const speaking = members.flatMap((_, i) => (speaks(SCRIPT, members, i, ms) ? [i] : []));
  expect(speaking).toEqual(speaker === null ? [] : [speaker]);
});

test("everybody speaks when the script says always", () => {
  const members = [member(true), member(false), member(true)];
  const script: CastScript = { ...SCRIPT, speech: { kind: "always" } };
  expect(members.map((_, i) => speaks(script, members, i, 5))).toEqual([true, false, true]);
});

test.each([
  ["before the first cue", 0, 999, []],
  ["at a cue", 999, 1000, [0]],
  ["not twice", 1000, 1999, []],
  ["over a stall", 0, 2500, [0, 2]],
  ["in the second round the next member has the part", 10_000, 12_000, [1, 0]],
  ["over the border of rounds", 1500, 11_000, [2, 1]],
])("cues are played %s", (_, from, to, members) => {
  expect(cuesBetween(SCRIPT, 3, from, to).map((cue) => cue.member)).toEqual(members);
});

test("a script that does not repeat is over after its last cue", () => {
  expect(cuesBetween({ ...SCRIPT, repeat_ms: null }, 3, 2000, 1_000_000)).toEqual([]);
});

test.each([
  [0, { member: 0, turn: 0, text: "one", last: false }],
  [1800, { member: 0, turn: 0, text: "one two three", last: false }],
  [3900, { member: 0, turn: 0, text: "one two three four", last: true }],
  [4000, { member: 2, turn: 1, text: "five", last: false }],
  [8000, { member: 0, turn: 2, text: "one", last: false }],
])("at %d ms the words so far are those of whose turn it is", (ms, said) => {
  expect(saidAt(SCRIPT, [member(true), member(false), member(true)], ms)).toEqual(said);
});

test("without lines, or without anybody to speak them, nothing is said", () => {
  expect(saidAt({ ...SCRIPT, lines: [] }, [member(true)], 100)).toBeNull();
  expect(saidAt(SCRIPT, [member(false)], 100)).toBeNull();
});
