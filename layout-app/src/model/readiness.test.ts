import { expect, test } from "vitest";
import type { RoomChange } from "./change";
import { DOUBT_MS, NO_FRAME_MS, NO_VIDEO_MS, readiness } from "./readiness";
import { reduce } from "./reduce";
import { ANNOUNCED, EMPTY_ROOM, live } from "./room";

const JOINED: RoomChange = { type: "joined" };
const PERSON: RoomChange = { type: "participant_joined", identity: "a", name: "A" };
const CAMERA: RoomChange = { type: "camera", identity: "a", video: ANNOUNCED };
const TRACK: RoomChange = { type: "camera", identity: "a", video: live("t") };
const DOUBT: RoomChange = { type: "doubted", identity: "a", doubted: true };
const SEALED: RoomChange = { type: "sealed", identity: "a", reason: "no" };
const FRAME: RoomChange = { type: "frame", track: "t", width: 640, height: 360 };

test.each<[string, RoomChange[], number, "ready" | number | null]>([
  ["a room that isn't joined", [PERSON, TRACK], 60_000, null],
  ["an empty room at once", [JOINED], 0, NO_VIDEO_MS],
  ["an empty room after a moment", [JOINED], NO_VIDEO_MS, "ready"],
  ["people without video after a moment", [PERSON, JOINED], NO_VIDEO_MS, "ready"],
  ["an announced camera after that moment", [PERSON, CAMERA, JOINED], NO_VIDEO_MS, NO_FRAME_MS],
  ["a track without a frame just before the end of patience", [PERSON, TRACK, JOINED], NO_FRAME_MS - 1, NO_FRAME_MS],
  ["a track without a frame at the end of patience", [PERSON, TRACK, JOINED], NO_FRAME_MS, "ready"],
  ["a key that has failed once", [PERSON, TRACK, JOINED, DOUBT], NO_FRAME_MS, DOUBT_MS],
  ["a key that has failed for long", [PERSON, TRACK, JOINED, DOUBT], DOUBT_MS, "ready"],
  ["a key that failed and opens it after all", [PERSON, TRACK, JOINED, DOUBT, FRAME], 1, "ready"],
  ["a key of which it is known that it fails", [PERSON, TRACK, JOINED, DOUBT, SEALED], NO_FRAME_MS, "ready"],
  ["a first frame", [PERSON, TRACK, JOINED, FRAME], 1, "ready"],
  ["a first frame before the join is through", [PERSON, TRACK, FRAME], 1, null],
])("%s", (_, changes, now, expected) => {
  const room = changes.reduce((before, change) => reduce(before, change, 0), EMPTY_ROOM);
  expect(readiness(room, true, now)).toBe(expected);
});

test("no picture is awaited where none is shown", () => {
  const room = [PERSON, TRACK, JOINED].reduce((before, change) => reduce(before, change, 0), EMPTY_ROOM);
  expect(readiness(room, false, 0)).toBe(NO_VIDEO_MS);
  expect(readiness(room, false, NO_VIDEO_MS)).toBe("ready");
});
