import { expect, test } from "vitest";
import { invitation, isRoomName, socketUrl, toRoomName } from "./address";

test.each([
  ["weekly-call", true],
  ["A_1", true],
  ["x".repeat(64), true],
  ["x".repeat(65), false],
  ["", false],
  ["two words", false],
  ["../etc", false],
  ["Zoë", false],
])("%j is a room name: %s", (name, is) => {
  expect(isRoomName(name)).toBe(is);
});

test.each([
  ["  weekly call ", "weekly-call"],
  ["Café Zoë", "Cafe-Zoe"],
  ["x".repeat(70), "x".repeat(64)],
])("what a person typed, %j, becomes %j", (typed, name) => {
  expect(toRoomName(typed)).toBe(name);
});

test.each([
  ["http://127.0.0.1:7071/join.html?room=a", "ws://127.0.0.1:7071/rooms/a/ws"],
  ["https://meet.example/join.html?room=a", "wss://meet.example/rooms/a/ws"],
])("the socket of a room on the page %s is %s", (page, socket) => {
  expect(socketUrl(new URL(page), "a")).toBe(socket);
});

test("an invitation is the room's own address", () => {
  expect(invitation(new URL("https://meet.example/join.html?room=a"), "a")).toBe("https://meet.example/rooms/a");
});
