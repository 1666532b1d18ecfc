import { ConnectionError, DisconnectReason } from "livekit-client";
import { describe, expect, test } from "vitest";
import { RoomFailure } from "../room";
import { joinFailure, joinTooLate, partingOf } from "./failure";
import { handRaisedAt, legacyChatLine, reactionEmoji } from "./messages";

const URL = "wss://live.example/?access_token=hunter2";

describe("a join that fails", () => {
  test.each([
    [
      "a refused token",
      ConnectionError.notAllowed("could not establish signal connection: invalid token: eyJhbGciOi.hunter2.x", 401),
      "request",
      "refused the token (invalid token); check --api-key and --api-secret",
    ],
    [
      "an unknown room",
      ConnectionError.notAllowed("requested room does not exist", 404),
      "request",
      "create the room first",
    ],
    ["a server that isn't there", ConnectionError.serverUnreachable("Failed to fetch"), "room", "could not be reached"],
    ["a socket that breaks", ConnectionError.websocket("broken"), "room", "could not be reached"],
    ["a server of another kind", ConnectionError.serviceNotFound("404", "v0-rtc"), "room", "not as a LiveKit server"],
    ["a server that is slow", ConnectionError.timeout("slow"), "room", "did not answer in time"],
    [
      "closed media ports",
      ConnectionError.internal("could not establish pc connection"),
      "room",
      "media ports can't be reached",
    ],
    ["anything else", new Error("odd"), "room", "could not be joined: odd"],
  ])("by %s names whose fault it is", (_, error, fault, words) => {
    const failure = joinFailure(error, URL);
    expect(failure.fault).toBe(fault);
    expect(failure.message).toContain(words);
    expect(failure.message).not.toContain("hunter2");
  });

  test("by time names the step that took it", () => {
    expect(joinTooLate(URL, false, 15).message).toContain("within 15 s; check that the address");
    expect(joinTooLate(URL, true, 15).message).toContain("media ports");
  });
});

test.each([
  [DisconnectReason.ROOM_DELETED, "room_ended"],
  [DisconnectReason.ROOM_CLOSED, "room_ended"],
  [DisconnectReason.PARTICIPANT_REMOVED, "kicked"],
  [DisconnectReason.CLIENT_INITIATED, null],
])("a parting by reason %s is told as %s", (reason, parting) => {
  expect(partingOf(reason, URL)).toBe(parting);
});

test.each([
  DisconnectReason.DUPLICATE_IDENTITY,
  DisconnectReason.SERVER_SHUTDOWN,
  DisconnectReason.SIGNAL_CLOSE,
  undefined,
])("a parting by reason %s is a failure of the room", (reason) => {
  const parting = partingOf(reason, URL);
  expect(parting).toBeInstanceOf(RoomFailure);
  expect(parting).toMatchObject({ fault: "room" });
});

test.each([
  ['{"id":"1","timestamp":1,"message":"hello"}', "hello"],
  ['{"message":"hello","ignoreLegacy":true}', null],
  ['{"text":"hello"}', null],
  ["hello", null],
  ["null", null],
])("the legacy chat packet %s is the line %j", (packet, line) => {
  expect(legacyChatLine(packet)).toBe(line);
});

test.each([
  ["👍", "👍"],
  ['{"emoji":"👍"}', "👍"],
  ["{}", "{}"],
])("the reaction packet %s is %s", (packet, emoji) => {
  expect(reactionEmoji(packet)).toBe(emoji);
});

test.each([
  [{}, null],
  [{ handRaisedAt: "" }, null],
  [{ handRaisedAt: "2026-03-01T10:00:00.500Z" }, Date.UTC(2026, 2, 1, 10, 0, 0, 500)],
  [{ handRaisedAt: "yes" }, 0],
])("the attributes %j are of a hand raised at %s", (attributes, at) => {
  expect(handRaisedAt(attributes)).toBe(at);
});
