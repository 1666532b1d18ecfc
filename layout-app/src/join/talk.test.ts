import { expect, test } from "vitest";
import type { DemoDown } from "../contract/generated/DemoDown";
import type { DemoParticipant } from "../contract/generated/DemoParticipant";
import { fade, hear, SILENCE, type Talk } from "./talk";

const ALL = { mic: true, camera: true, screen: false };
const person = (id: string): DemoParticipant => ({ id, name: id.toUpperCase(), role: "person", media: ALL });
const line = (text: string): DemoDown => ({ type: "chat", line: { from: "a", name: "A", text } });
const after = (...messages: DemoDown[]): Talk => messages.reduce(hear, SILENCE);
const welcome: DemoDown = {
  type: "welcome",
  id: "me",
  participants: [person("a")],
  chat: [{ from: "a", name: "A", text: "before" }],
  recording: true,
};

test("a welcome tells who is there, what was said, and that a recording is on", () => {
  const talk = after(welcome);
  expect(talk.id).toBe("me");
  expect(talk.others.map(({ id }) => id)).toEqual(["a"]);
  expect(talk.chat.map(({ text, old }) => [text, old])).toEqual([["before", true]]);
  expect(talk.recording).toBe(true);
  expect(talk.announcement).toContain("recorded");
});

test("a second welcome replaces the roster and gives its lines new keys", () => {
  const talk = after(welcome, line("lost?"), { ...welcome, id: "me2", participants: [person("b")] });
  expect(talk.others.map(({ id }) => id)).toEqual(["b"]);
  expect(talk.chat).toHaveLength(1);
  expect(talk.chat[0]?.key).toBe(2);
});

test("people come in order, change what they send, and go", () => {
  const joined = after(welcome, { type: "joined", participant: person("b") });
  expect(joined.others.map(({ id }) => id)).toEqual(["a", "b"]);
  const muted = hear(joined, { type: "media", id: "b", media: { ...ALL, mic: false } });
  expect(muted.others[1]?.media.mic).toBe(false);
  const gone = hear(muted, { type: "left", id: "a" });
  expect(gone.others.map(({ id }) => id)).toEqual(["b"]);
  expect(gone.announcement).toBe("A left.");
  expect(hear(gone, { type: "left", id: "a" })).toBe(gone);
});

test("every line and reaction has a key of its own, and neither grows without bound", () => {
  const lines = Array.from({ length: 300 }, (_, i) => line(String(i)));
  const reactions = Array.from({ length: 100 }, (): DemoDown => ({
    type: "reaction",
    from: "a",
    name: "A",
    emoji: "👍",
  }));
  const talk = after(welcome, ...lines, ...reactions);
  expect(talk.chat).toHaveLength(200);
  expect(talk.chat.at(-1)?.text).toBe("299");
  expect(talk.reactions.length).toBeLessThan(30);
  const keys = [...talk.chat, ...talk.reactions].map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
});

test("a reaction fades by its key", () => {
  const talk = after(welcome, { type: "reaction", from: "a", name: "A", emoji: "👍" });
  expect(fade(talk, talk.keys - 1).reactions).toEqual([]);
});

test("the recording is announced when it begins and when it ends, once", () => {
  const ended = after(welcome, { type: "recording", active: false });
  expect([ended.recording, ended.announcement]).toEqual([false, "The recording has ended."]);
  expect(hear(ended, { type: "recording", active: false })).toBe(ended);
});
