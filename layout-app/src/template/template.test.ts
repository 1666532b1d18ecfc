import { describe, expect, test } from "vitest";
import { listed, ofStage } from "../elements/without";
import type { RoomChange, RoomState } from "../model";
import { EMPTY_ROOM, live, reduce } from "../model";
import { DEFAULT_THEME } from "../theme/default";
import type { Moment } from "./state";
import { logged, stateOf } from "./state";
import type { Selector } from "./who";
import { whoIs } from "./who";

const joins = (identity: string): RoomChange => ({
  type: "participant_joined",
  identity,
  name: identity.toUpperCase(),
});
const camera = (identity: string): RoomChange => ({ type: "camera", identity, video: live(`camera ${identity}`) });
const screen = (identity: string): RoomChange => ({ type: "screen", identity, video: live(`screen ${identity}`) });

function room(...changes: RoomChange[]): RoomState {
  return changes.reduce((before, change, at) => reduce(before, change, at * 10), EMPTY_ROOM);
}

const PEOPLE = [joins("ann"), joins("bob"), joins("cyd")];
const BOB_SPEAKS: RoomChange = { type: "heard", identities: ["bob"] };

describe("a tile shows", () => {
  test.each<[string, Selector, RoomChange[], string | undefined]>([
    ["who speaks", { speaker: true }, [...PEOPLE, BOB_SPEAKS], "bob"],
    ["who speaks, when nothing is named", {}, [...PEOPLE, BOB_SPEAKS], "bob"],
    ["the first with a picture before anybody has spoken", { speaker: true }, [...PEOPLE, camera("cyd")], "cyd"],
    ["the first one when nobody has a picture", { speaker: true }, PEOPLE, "ann"],
    ["by order of joining", { index: 2 }, PEOPLE, "cyd"],
    ["nobody where there are not so many", { index: 3 }, PEOPLE, undefined],
    ["those who do not speak, in order", { other: 1 }, [...PEOPLE, BOB_SPEAKS], "cyd"],
    ["by identity", { identity: "cyd" }, PEOPLE, "cyd"],
    ["by name", { named: "BOB" }, PEOPLE, "bob"],
    ["the latest screen", { screen: true }, [...PEOPLE, screen("ann"), screen("cyd")], "cyd"],
    ["no screen when there is none", { screen: true }, PEOPLE, undefined],
  ])("%s", (_, selector, changes, expected) => {
    expect(whoIs(selector, room(...changes))?.identity).toBe(expected);
  });
});

function moment(shown: RoomState): Moment {
  const programme = { intro: false, lowerThird: true, next: null };
  const third = { headline: "Ann", detail: null, after: 0, seconds: 0 };
  const rest = { banner: null, chatLog: [], startedAt: 5, over: false };
  return { room: shown, layout: "grid", theme: DEFAULT_THEME, page: 0, programme, third, ...rest };
}

describe("the state of a template", () => {
  test("says of everybody what there is to be shown", () => {
    const changes: RoomChange[] = [
      ...PEOPLE,
      camera("ann"),
      { type: "mic", identity: "ann", on: true },
      { type: "hand", identity: "cyd", at: 1 },
      { type: "hand", identity: "bob", at: 2 },
      { type: "heard", identities: ["ann"] },
    ];
    const { participants, hands, speaker, lowerThird } = stateOf(moment(room(...changes)));
    expect(participants[0]).toEqual({
      identity: "ann",
      name: "ANN",
      speaking: true,
      microphone: true,
      camera: true,
      screen: false,
      connected: true,
      moderator: false,
      hand: null,
    });
    expect(participants.map(({ hand }) => hand)).toEqual([null, 2, 1]);
    expect([hands, speaker, lowerThird?.headline]).toEqual([["cyd", "bob"], "ann", "Ann"]);
  });

  test("has no lower third before its time", () => {
    const early = { ...moment(EMPTY_ROOM), programme: { intro: true, lowerThird: false, next: null } };
    expect(stateOf(early).lowerThird).toBeNull();
  });

  test("keeps lines that have gone from the picture, in order and not for ever", () => {
    const says = (text: string): RoomChange => ({ type: "chat", identity: null, name: "Ann", text });
    let [shown, log] = [EMPTY_ROOM, logged([], EMPTY_ROOM)];
    for (let at = 0; at < 120; at += 1) {
      shown = reduce(shown, says(`line ${at}`), at * 10_000);
      log = logged(log, shown);
      expect(logged(log, shown)).toBe(log);
    }
    expect(log).toHaveLength(50);
    expect([log[0]?.text, log.at(-1)?.text]).toEqual(["line 70", "line 119"]);
  });
});

describe("a stage in a template", () => {
  const theme = { ...DEFAULT_THEME, title: "Talk", overlays: { ...DEFAULT_THEME.overlays, captions: true } };

  test("leaves what belongs to the frame to the template", () => {
    const { title, overlays } = ofStage(theme, false, listed(null));
    expect([title, overlays.chat, overlays.captions, overlays.names, overlays.reactions]).toEqual([
      null,
      false,
      false,
      true,
      true,
    ]);
  });

  test("draws everything when it is asked to, without what is named", () => {
    const { title, overlays } = ofStage(theme, true, listed(" names  hands"));
    expect([title, overlays.chat, overlays.captions]).toEqual(["Talk", true, true]);
    expect([overlays.names, overlays.hands, overlays.reactions]).toEqual([false, false, true]);
  });
});
