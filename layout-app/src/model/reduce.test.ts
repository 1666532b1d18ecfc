import { describe, expect, test } from "vitest";
import type { RoomChange } from "./change";
import { raisedHands } from "./hands";
import { CHAT_MS, MOST_LINES, MOST_REACTIONS, MOST_TALK, nextWake, REACTION_MS, reduce, TALK_MS } from "./reduce";
import type { RoomState } from "./room";
import { EMPTY_ROOM, live, OFF } from "./room";
import { SETTLE_MS } from "./speaker";
import { timeline } from "./timeline";

const join = (identity: string, name = identity.toUpperCase()): RoomChange => ({
  type: "participant_joined",
  identity,
  name,
});
const leave = (identity: string): RoomChange => ({ type: "participant_left", identity });
const say = (text: string, identity: string | null = "a"): RoomChange => ({ type: "chat", identity, name: "A", text });
const react = (emoji: string): RoomChange => ({ type: "reaction", identity: "a", name: "A", emoji });

function after(...changes: RoomChange[]): RoomState {
  return changes.reduce((room, change) => reduce(room, change, 0), EMPTY_ROOM);
}

const names = (room: RoomState) => room.participants.map(({ identity }) => identity);

describe("the room", () => {
  test("keeps its participants in order of joining", () => {
    expect(names(after(join("b"), join("a"), join("c"), leave("a"), join("a")))).toEqual(["b", "c", "a"]);
  });

  test.each<[string, RoomChange]>([
    ["a participant who is here already", join("a")],
    ["a stranger's microphone", { type: "mic", identity: "x", on: true }],
    ["a stranger who leaves", leave("x")],
    ["a camera that is off already", { type: "camera", identity: "a", video: OFF }],
    ["silence in silence", { type: "heard", identities: [] }],
    ["a voice of nobody here", { type: "heard", identities: ["x"] }],
    ["an empty line", say(" \u200b ")],
    ["a reaction that is no emoji", react("<script>")],
    ["a tick", { type: "tick" }],
    ["an empty title", { type: "titled", title: " " }],
    ["somebody who leads no more than before", { type: "role", identity: "a", moderator: false }],
    ["being back without having been away", { type: "reconnected" }],
  ])("is the same object after %s", (_, change) => {
    const room = after({ type: "joined" }, join("a"));
    expect(reduce(room, change, 0)).toBe(room);
  });

  test("has the title that it is given, fit to be drawn, until that is taken away", () => {
    const room = after({ type: "titled", title: "All\u202e hands\n" });
    expect(room.title).toBe("All hands");
    expect(reduce(room, { type: "titled", title: "" }, 0).title).toBeNull();
  });

  test("knows who leads it", () => {
    const room = after(join("a"), join("b"), { type: "role", identity: "b", moderator: true });
    expect(room.participants.map(({ moderator }) => moderator)).toEqual([false, true]);
  });

  test("keeps its tiles while the connection is away, and forgets who is still gone when it is back", () => {
    const away = [join("a"), join("b"), { type: "joined" }, { type: "reconnecting" }, leave("a"), leave("b")] as const;
    expect(names(after(...away))).toEqual(["a", "b"]);
    expect(names(after(...away, join("b"), { type: "reconnected" }))).toEqual(["b"]);
  });

  test("forgets the frames of a track with its owner, and with its end", () => {
    const shown: RoomChange[] = [
      join("a"),
      { type: "camera", identity: "a", video: live("t") },
      { type: "frame", track: "t", width: 640, height: 360 },
    ];
    expect(after(...shown).frames.size).toBe(1);
    expect(after(...shown, leave("a")).frames.size).toBe(0);
    expect(after(...shown, { type: "camera", identity: "a", video: OFF }).frames.size).toBe(0);
  });

  test("shows a line of chat for its time, then no more", () => {
    const room = after(say("hello"));
    expect(nextWake(room)).toBe(CHAT_MS);
    expect(reduce(room, { type: "tick" }, CHAT_MS - 1).chat).toHaveLength(1);
    expect(reduce(room, { type: "tick" }, CHAT_MS).chat).toHaveLength(0);
  });

  test("keeps a line longer where it covers nothing", () => {
    const room = reduce(after(say("hello")), { type: "tick" }, CHAT_MS);
    expect(room.talk.map(({ text }) => text)).toEqual(["hello"]);
    expect(nextWake(room)).toBe(TALK_MS);
    const over = reduce(room, { type: "tick" }, TALK_MS);
    expect(over.talk).toHaveLength(0);
    expect(nextWake(over)).toBeNull();
    expect(after(...Array.from({ length: 50 }, () => say("again"))).talk).toHaveLength(MOST_TALK);
  });

  test("shows the latest lines and reactions, however many come", () => {
    const lines = after(...Array.from({ length: 50 }, (_, at) => say(`line ${at}`))).chat;
    expect(lines.map(({ text }) => text)).toEqual(["line 46", "line 47", "line 48", "line 49"].slice(-MOST_LINES));
    const reactions = after(...Array.from({ length: 500 }, () => react("👏"))).reactions;
    expect(reactions).toHaveLength(MOST_REACTIONS);
    expect(new Set(reactions.map(({ id }) => id)).size).toBe(MOST_REACTIONS);
  });

  test("lets a reaction go after its time", () => {
    expect(reduce(after(react("👏")), { type: "tick" }, REACTION_MS).reactions).toHaveLength(0);
  });

  test("knows whose hand was raised first, whenever that was told", () => {
    const hand = (identity: string, at: number | null): RoomChange => ({ type: "hand", identity, at });
    const room = after(join("a"), join("b"), join("c"), hand("a", 700), hand("c", 300), hand("b", 500));
    expect(raisedHands(room)).toEqual(["c", "b", "a"]);
    expect(raisedHands(reduce(room, hand("b", null), 0))).toEqual(["c", "a"]);
    expect(reduce(room, hand("b", 500), 0)).toBe(room);
  });

  test("remembers who became the speaker, and not who coughed", () => {
    const heard = (...identities: string[]): RoomChange => ({ type: "heard", identities });
    let room = after(join("a"), join("b"), join("c"), heard("a"));
    room = reduce(room, heard("a", "c"), 2000);
    room = reduce(room, heard("b"), 2100);
    room = reduce(room, { type: "tick" }, 2100 + SETTLE_MS);
    expect(room.participants.map(({ spokeAt }) => spokeAt)).toEqual([0, 2100 + SETTLE_MS, null]);
  });

  test("has no speaker when the speaker has left", () => {
    const room = after(join("a"), join("b"), { type: "heard", identities: ["a"] }, leave("a"));
    expect(room.speaker.identity).toBeNull();
  });
});

describe("the timeline", () => {
  /** What is told over a run of changes, one a second. */
  function told(...changes: RoomChange[]) {
    let room = EMPTY_ROOM;
    return changes.flatMap((change, second) => {
      const before = room;
      room = reduce(before, change, second * 1000);
      return timeline(before, room, change);
    });
  }

  test("tells who comes and goes, once", () => {
    expect(told(join("a", "Ann"), join("a", "Ann"), leave("a"), leave("a"))).toEqual([
      { kind: "participant_joined", identity: "a", name: "Ann" },
      { kind: "participant_left", identity: "a" },
    ]);
  });

  test("tells a share's begin and end, also when its owner leaves", () => {
    const share = (video: typeof OFF | ReturnType<typeof live>): RoomChange => ({
      type: "screen",
      identity: "a",
      video,
    });
    const [, ...rest] = told(join("a"), share(live("t")), share(OFF), share(live("u")), leave("a"));
    expect(rest.map(({ kind }) => kind)).toEqual([
      "screen_share_started",
      "screen_share_stopped",
      "screen_share_started",
      "screen_share_stopped",
      "participant_left",
    ]);
  });

  test("tells who speaks, and silence after a while", () => {
    const heard = (...identities: string[]): RoomChange => ({ type: "heard", identities });
    const [, ...rest] = told(
      join("a"),
      heard("a"),
      heard("a"),
      heard(),
      { type: "tick" },
      { type: "tick" },
      { type: "tick" },
    );
    expect(rest).toEqual([
      { kind: "speaker_changed", identity: "a" },
      { kind: "speaker_changed", identity: null },
    ]);
  });

  test("keeps the whole of a line that the picture cuts", () => {
    const text = "word ".repeat(300);
    expect(told(say(text, null))).toEqual([{ kind: "chat", identity: null, name: "A", text }]);
  });

  test("tells two reactions that look the same as two", () => {
    const reaction = { kind: "reaction", identity: "a", name: "A", emoji: "👏" };
    expect(told(react("👏"), react("👏"))).toEqual([reaction, reaction]);
  });

  test("tells a lost connection, and nobody's leaving while it lasts", () => {
    const events = told({ type: "joined" }, join("a"), { type: "reconnecting" }, leave("a"), join("a"), {
      type: "reconnected",
    });
    expect(events.map(({ kind }) => kind)).toEqual(["participant_joined", "reconnecting", "reconnected"]);
  });
});
