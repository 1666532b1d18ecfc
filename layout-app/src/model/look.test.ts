import { describe, expect, test } from "vitest";
import { cast, isHidden, isTold, volumeOf } from "./look";
import { reduce } from "./reduce";
import type { RoomState } from "./room";
import { EMPTY_ROOM } from "./room";

const NOBODY = { hidden: [], only: [], spotlight: null };

function room(): RoomState {
  const join = (state: RoomState, identity: string) =>
    reduce(state, { type: "participant_joined", identity, name: identity.toUpperCase() }, 0);
  const full = ["ann", "bob", "guest-1"].reduce(join, EMPTY_ROOM);
  const said = reduce(full, { type: "chat", identity: "bob", name: "Bob", text: "hello" }, 0);
  const all = reduce(said, { type: "reaction", identity: "bob", name: "Bob", emoji: "👍" }, 0);
  return reduce(all, { type: "heard", identities: ["bob", "ann"] }, 0);
}

const names = ({ participants }: RoomState) => participants.map(({ identity }) => identity);

test.each([
  [[], [], []],
  [["bob"], [], ["bob"]],
  [["guest-*"], [], ["guest-1"]],
  [[], ["ann", "guest-*"], ["bob"]],
  [["ann"], ["ann"], ["ann", "bob", "guest-1"]],
])("with %j hidden and only %j wanted, %j are hidden", (hidden, only, expected) => {
  expect(["ann", "bob", "guest-1"].filter((identity) => isHidden({ hidden, only }, identity))).toEqual(expected);
});

test.each([
  ["ann", {}, 1],
  ["ann", { ann: 150 }, 1.5],
  ["ann", { "a*": 50, ann: 200, "an*": 20 }, 2],
  ["anne", { "a*": 50, ann: 200, "an*": 20 }, 0.2],
  ["guest-1", { "*": 30, "guest-*": 0 }, 0],
  ["cem", { "*": 30, cem: 100 }, 1],
  ["bob", { bob: 150 }, 0],
])(
  "%s is heard, where %j are the volumes and bob is hidden, at %d",
  (identity, volume: Record<string, number>, expected) => {
    expect(volumeOf({ hidden: ["bob"], only: [], volume }, identity)).toBe(expected);
  },
);

describe("who is hidden", () => {
  test("has no tile, no voice, no line and no reaction", () => {
    const shown = cast(room(), { ...NOBODY, hidden: ["bob"] });
    expect(names(shown)).toEqual(["ann", "guest-1"]);
    expect(shown.heard).toEqual(["ann"]);
    expect(shown.speaker.identity).not.toBe("bob");
    expect([shown.chat, shown.reactions]).toEqual([[], []]);
  });

  test("is on the timeline as somebody who is there, and not by what is said", () => {
    const casting = { ...NOBODY, hidden: ["bob"] };
    expect(isTold({ kind: "participant_joined", identity: "bob", name: "Bob" }, casting)).toBe(true);
    expect(isTold({ kind: "chat", identity: "bob", name: "Bob", text: "x" }, casting)).toBe(false);
    expect(isTold({ kind: "chat", identity: null, name: "Bob", text: "x" }, casting)).toBe(true);
    expect(isTold({ kind: "speaker_changed", identity: "bob" }, casting)).toBe(false);
  });
});

test("the room is the same object when there is nothing to change", () => {
  const all = room();
  expect(cast(all, NOBODY)).toBe(all);
  expect(cast(all, { ...NOBODY, spotlight: "nobody here" })).toBe(all);
});

test("who is in the spotlight is the speaker, and was the last to speak", () => {
  const shown = cast(room(), { ...NOBODY, spotlight: "guest-1" });
  expect(shown.speaker.identity).toBe("guest-1");
  const latest = [...shown.participants].sort((one, other) => (other.spokeAt ?? 0) - (one.spokeAt ?? 0))[0];
  expect(latest?.identity).toBe("guest-1");
});
