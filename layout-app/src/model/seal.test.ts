import { expect, test } from "vitest";
import type { RoomChange } from "./change";
import { reduce } from "./reduce";
import { ANNOUNCED, EMPTY_ROOM, live, type RoomState } from "./room";
import { newlySealed, sealedRoom } from "./seal";

const after = (room: RoomState, ...changes: RoomChange[]) =>
  changes.reduce((each, change) => reduce(each, change, 0), room);
const joins = (identity: string): RoomChange[] => [
  { type: "participant_joined", identity, name: identity },
  { type: "camera", identity, video: ANNOUNCED },
];
const sealed = (identity: string, reason: string | null = `${identity} is sealed`): RoomChange => ({
  type: "sealed",
  identity,
  reason,
});

const both = after(EMPTY_ROOM, ...joins("ann"), ...joins("bob"), { type: "joined" });

test("somebody who can't be opened is told of once", () => {
  const closed = after(both, sealed("ann"));
  expect(newlySealed(both, closed).map((each) => each.sealed)).toEqual(["ann is sealed"]);
  expect(
    newlySealed(closed, after(closed, sealed("ann", "otherwise"), { type: "mic", identity: "ann", on: true })),
  ).toEqual([]);
  const open = after(closed, sealed("ann", null));
  expect(newlySealed(open, after(open, sealed("ann"))).length).toBe(1);
});

test("a room is sealed when all who send anything are", () => {
  expect(sealedRoom(both)).toBeNull();
  const one = after(both, sealed("ann"));
  expect(sealedRoom(one)).toBeNull();
  const all = after(one, sealed("bob"));
  expect(sealedRoom(all)).toBe("ann is sealed");
  // Somebody who sends nothing says nothing about keys.
  expect(sealedRoom(after(all, { type: "participant_joined", identity: "cem", name: "Cem" }))).toBe("ann is sealed");
  expect(sealedRoom(after(all, ...joins("dora")))).toBeNull();
});

test("a room is not sealed before it is joined, while nobody sends, or once something was seen", () => {
  const all = [sealed("ann"), sealed("bob")];
  expect(sealedRoom(after(EMPTY_ROOM, ...joins("ann"), sealed("ann")))).toBeNull();
  expect(sealedRoom(after(EMPTY_ROOM, { type: "joined" }))).toBeNull();
  const seen = after(
    both,
    { type: "camera", identity: "ann", video: live("t") },
    { type: "frame", track: "t", width: 4, height: 3 },
  );
  expect(sealedRoom(after(seen, ...all))).toBeNull();
});
