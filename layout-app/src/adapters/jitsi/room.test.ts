import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { JitsiLogin } from "../../contract/generated/JitsiLogin";
import type { RoomChange } from "../../model";
import type { RoomFailure } from "../room";
import type { FakeConference } from "./fake";
import { FakeConnection, FakeParticipant, FakeTrack, lib } from "./fake";
import type { JitsiTrack } from "./lib";
import { JitsiRoom } from "./room";

const config = { hosts: { domain: "meet.example.org" }, hiddenDomain: "recorder.meet.example.org" };

function open(login: JitsiLogin = { kind: "guest" }, passcode: string | null = null) {
  const playing = new Set<JitsiTrack>();
  const muted = new Set<JitsiTrack>();
  const heights = new Map<string, number>();
  let resized: () => void = () => undefined;
  const room = new JitsiRoom(
    { url: "https://meet.example.org/", room: "Standup", access: { login, passcode } },
    {
      load: () => Promise.resolve({ lib, config }),
      sounds: {
        play: (track, silent) => {
          playing.add(track);
          if (silent) muted.add(track);
        },
        stop: (track) => playing.delete(track),
        mute: (hides) => {
          muted.clear();
          for (const track of playing) if (hides(track.getParticipantId())) muted.add(track);
        },
      },
      tiles: {
        show: () => () => undefined,
        heightOf: (key) => heights.get(key) ?? 0,
        onChange: (changed) => (resized = changed),
      },
    },
  );
  const changes: RoomChange[] = [];
  const ends: string[] = [];
  const failures: RoomFailure[] = [];
  const joining = room.join({
    changed: (change) => changes.push(change),
    ended: (reason) => ends.push(reason),
    failed: (failure) => failures.push(failure),
  });
  const of = (type: string) => changes.filter((change) => change.type === type);
  return { room, joining, changes, of, ends, failures, playing, muted, heights, resized: () => resized() };
}

/** The connection that was made last, when it has been made. */
async function connection(count = 1): Promise<FakeConnection> {
  await vi.waitFor(() => expect(FakeConnection.all).toHaveLength(count));
  return FakeConnection.all[count - 1] as FakeConnection;
}

async function enter(at: ReturnType<typeof open>, ...people: FakeParticipant[]): Promise<FakeConference> {
  const made = await connection();
  made.emit("CONNECTION_ESTABLISHED");
  made.conference.people = people;
  made.conference.emit("CONFERENCE_JOINED");
  await at.joining;
  return made.conference;
}

const person = (id: string, ...tracks: FakeTrack[]) => Object.assign(new FakeParticipant(id, `${id}!`), { tracks });

beforeEach(() => {
  FakeConnection.all = [];
  vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval", "performance"] });
});
afterEach(() => void vi.useRealTimers());

describe("a Jitsi room is entered", () => {
  test("by an account, as a recorder that says so", async () => {
    const at = open({ kind: "account", user: "recorder", password: "hunter2" }, "1234");
    const conference = await enter(at);
    const made = await connection();
    expect(made.connected).toEqual({ id: "recorder@recorder.meet.example.org", password: "hunter2" });
    expect(made.features).toEqual(["http://jitsi.org/protocol/jibri"]);
    expect(conference.passcode).toBe("1234");
    expect(JSON.stringify(conference.sent)).toContain('"robot":true');
    expect(conference.sent).toContainEqual(["mode", { value: "file" }]);
    expect(conference.sent.at(-1)).toEqual([
      "session_id",
      { value: expect.stringMatching(/^[0-9a-f-]{36}$/) as string },
    ]);
    at.room.leave();
    expect(conference.left).toBe(true);
  });

  test("by a token, or by nothing", async () => {
    for (const [login, token] of [
      [{ kind: "token", token: "e.y.J" }, "e.y.J"],
      [{ kind: "guest" }, null],
    ] as const) {
      FakeConnection.all = [];
      await enter(open(login));
      const made = await connection();
      expect([made.token, made.connected, made.features]).toEqual([token, {}, []]);
      expect(JSON.stringify(made.conference.sent)).not.toContain("session_id");
    }
  });

  test("or not, for the reason that is told first", async () => {
    const at = open({ kind: "account", user: "recorder", password: "hunter2" });
    const refused = expect(at.joining).rejects.toMatchObject({ fault: "request" });
    (await connection()).emit("CONNECTION_FAILED", "PASSWORD_REQUIRED", "not-authorized", { password: "hunter2" });
    (await connection()).emit("CONNECTION_DISCONNECTED");
    await refused;
    expect(at.failures).toEqual([]);
  });

  test("in time, or the step is named that took it", async () => {
    const at = open();
    const late = expect(at.joining).rejects.toThrow("jicofo");
    (await connection()).emit("CONNECTION_ESTABLISHED");
    await vi.advanceTimersByTimeAsync(15_000);
    await late;
  });
});

describe("in a Jitsi room", () => {
  test("members are seen with all that is known of them, and recorders are not", async () => {
    const ada = person("ada", new FakeTrack("ada", "audio"), new FakeTrack("ada", "video"));
    ada.properties["raisedHand"] = "1700000000000";
    const bob = person("bob", new FakeTrack("bob", "video", "desktop"));
    const [jibri, shy] = [person("jibri"), person("shy")];
    jibri.hidden = true;
    shy.fromRecorder = true;
    const at = open();
    const conference = await enter(at, ada, bob, jibri, shy);
    expect(at.of("participant_joined")).toEqual([
      { type: "participant_joined", identity: "ada", name: "ada!" },
      { type: "participant_joined", identity: "bob", name: "bob!" },
    ]);
    expect(at.changes).toContainEqual({ type: "mic", identity: "ada", on: true });
    expect(at.changes).toContainEqual({ type: "hand", identity: "ada", at: 1700000000000 });
    expect(at.changes).toContainEqual({ type: "screen", identity: "bob", video: { state: "live", track: "jitsi 3" } });
    expect(at.changes).toContainEqual({ type: "mic", identity: "bob", on: false });
    expect(at.changes).toContainEqual({ type: "role", identity: "ada", moderator: true });
    // Another recorder without an account: it says so in its presence.
    const other = person("other");
    conference.people.push(other);
    conference.emit("USER_JOINED", "other", other);
    conference.commands["userinfo"]?.({ attributes: { robot: "true" } }, "other");
    conference.emit("DISPLAY_NAME_CHANGED", "other", "Recorder");
    await Promise.resolve();
    expect(at.changes.filter((change) => "identity" in change && change.identity === "other")).toEqual([]);
  });

  test("a camera is announced by its source, comes by its track, and goes when it is muted", async () => {
    const ada = person("ada");
    ada.sources = new Map([["video", new Map([["ada-video", { muted: false }]])]]);
    const at = open();
    const conference = await enter(at, ada);
    const camera = new FakeTrack("ada", "video");
    ada.tracks.push(camera);
    conference.emit("TRACK_ADDED", camera);
    camera.status = "interrupted";
    camera.emit("TRACK_STREAMING_STATUS_CHANGED");
    camera.muted = true;
    conference.emit("TRACK_MUTE_CHANGED", camera);
    const states = at.of("camera").map((change) => (change.type === "camera" ? change.video.state : ""));
    expect(states).toEqual(["announced", "live", "live", "off"]);
    expect(at.changes).toContainEqual({ type: "steady", identity: "ada", steady: false });
  });

  test("a voice is played once, silent for who is hidden, and ends with its track", async () => {
    const voice = new FakeTrack("ada", "audio");
    const ada = person("ada", voice);
    const at = open();
    at.room.silence((identity) => identity === "ada");
    const conference = await enter(at, ada);
    expect([at.playing.has(voice), at.muted.has(voice)]).toEqual([true, true]);
    at.room.silence(() => false);
    expect(at.muted.size).toBe(0);
    ada.tracks = [];
    conference.emit("TRACK_REMOVED", voice);
    expect(at.playing.size).toBe(0);
  });

  test("chat is told with its sender, but neither what is private nor what was said before", async () => {
    const at = open();
    const conference = await enter(at, person("ada"));
    conference.emit("MESSAGE_RECEIVED", "ada", "hello", undefined);
    conference.emit("MESSAGE_RECEIVED", "ada", "earlier", "2026-01-01T10:00:00Z");
    conference.emit("PRIVATE_MESSAGE_RECEIVED", "ada", "a secret", null);
    conference.emit("MESSAGE_RECEIVED", "visitor", "from afar", null, "Vera", true);
    expect(at.of("chat")).toEqual([
      { type: "chat", identity: "ada", name: "ada!", text: "hello" },
      { type: "chat", identity: null, name: "Vera", text: "from afar" },
    ]);
  });

  test("reactions are told as emoji", async () => {
    const at = open();
    const [ada, bob] = [person("ada"), person("bob")];
    const conference = await enter(at, ada, bob);
    conference.emit("ENDPOINT_MESSAGE_RECEIVED", ada, { name: "endpoint-reaction", reactions: ["like", "love"] });
    conference.emit("REACTION_RECEIVED", "bob", ["🎉"], "m1");
    const told = at.of("reaction").map((change) => (change.type === "reaction" ? [change.name, change.emoji] : []));
    expect(told).toEqual([
      ["ada!", "👍"],
      ["ada!", "💖"],
      ["bob!", "🎉"],
    ]);
  });

  test("words are taken from the transcriber, and put into nobody's mouth by anybody else", async () => {
    const at = open();
    const [ada, eve, transcriber] = [person("ada"), person("eve"), person("t")];
    transcriber.hidden = true;
    const conference = await enter(at, ada, eve, transcriber);
    const words = (text: string) => ({
      type: "transcription-result",
      message_id: "m1",
      participant: { id: "ada" },
      transcript: [{ text }],
    });
    conference.emit("ENDPOINT_MESSAGE_RECEIVED", eve, words("I quit"));
    conference.emit("ENDPOINT_MESSAGE_RECEIVED", transcriber, words("Good morning"));
    expect(at.of("caption")).toEqual([
      { type: "caption", segment: "m1", identity: "ada", name: "ada!", text: "Good morning", final: true },
    ]);
  });

  test("who is heard comes by levels, the bridge's speaker first", async () => {
    const mic = () => [new FakeTrack("x", "audio")];
    const [ada, bob] = [person("ada", ...mic()), person("bob", ...mic())];
    const at = open();
    const conference = await enter(at, ada, bob);
    conference.emit("TRACK_AUDIO_LEVEL_CHANGED", "ada", 0.5);
    conference.emit("TRACK_AUDIO_LEVEL_CHANGED", "bob", 0.3);
    await vi.advanceTimersByTimeAsync(150);
    conference.emit("DOMINANT_SPEAKER_CHANGED", "bob", ["ada"]);
    await vi.advanceTimersByTimeAsync(150);
    const heard = at.of("heard").map((change) => (change.type === "heard" ? change.identities : []));
    expect(heard).toEqual([
      ["ada", "bob"],
      ["bob", "ada"],
    ]);
    expect(at.room.levelOf("ada")).toBeGreaterThan(0.2);
  });

  test("the bridge is asked for pictures as large as their tiles", async () => {
    const at = open();
    const camera = new FakeTrack("ada", "video", "camera", "ada-v0");
    const conference = await enter(at, person("ada", camera));
    at.heights.set("jitsi 1", 500);
    at.resized();
    expect(conference.constraints.at(-1)).toMatchObject({ constraints: { "ada-v0": { maxHeight: 720 } } });
  });

  test("its subject is its title", async () => {
    const at = open();
    const conference = await enter(at);
    conference.emit("SUBJECT_CHANGED", "All hands");
    expect(at.of("titled")).toEqual([{ type: "titled", title: "All hands" }]);
  });
});

describe("a Jitsi room is over", () => {
  test("when it is closed, or the recorder is sent away", async () => {
    for (const [event, reason] of [
      [["CONFERENCE_FAILED", "CONFERENCE_DESTROYED"], "room_ended"],
      [["KICKED", null, "bye"], "kicked"],
    ] as const) {
      FakeConnection.all = [];
      const at = open();
      const conference = await enter(at);
      conference.emit(event[0], ...event.slice(1));
      (await connection()).emit("CONNECTION_DISCONNECTED");
      expect([at.ends, at.failures]).toEqual([[reason], []]);
    }
  });

  test("when coming back takes too long", async () => {
    const at = open();
    const conference = await enter(at, person("ada"));
    conference.emit("CONFERENCE_FAILED", "FOCUS_LEFT");
    await vi.advanceTimersByTimeAsync(90_000);
    expect(at.failures).toHaveLength(1);
    expect(at.failures[0]?.message).toContain("could not be restored within 60 s");
  });

  test("not when the bridge is lost for a moment", async () => {
    const at = open();
    const conference = await enter(at, person("ada"));
    conference.emit("CONNECTION_INTERRUPTED");
    conference.emit("CONNECTION_RESTORED");
    expect(at.changes.filter(({ type }) => type.startsWith("reconnect")).map(({ type }) => type)).toEqual([
      "reconnecting",
      "reconnected",
    ]);
    expect(at.of("participant_left")).toEqual([]);
  });

  test("not when the connection breaks and another is had, and who stayed is told before it is settled who is gone", async () => {
    const at = open();
    await enter(at, person("ada"), person("bob"));
    (await connection()).emit("CONNECTION_FAILED", "CONNECTION_DROPPED_ERROR");
    await vi.advanceTimersByTimeAsync(500);
    const second = await connection(2);
    second.emit("CONNECTION_ESTABLISHED");
    second.conference.people = [person("ada")];
    second.conference.emit("CONFERENCE_JOINED");
    await vi.advanceTimersByTimeAsync(0);
    const told = at.changes.filter(({ type }) => /^reconnect|^participant/.test(type)).slice(2);
    expect(told.map((change) => ("identity" in change ? `${change.type} ${change.identity}` : change.type))).toEqual([
      "reconnecting",
      "participant_left ada",
      "participant_left bob",
      "participant_joined ada",
      "reconnected",
    ]);
    expect([at.ends, at.failures]).toEqual([[], []]);
  });

  test("at once, when it would not have us back", async () => {
    const at = open({ kind: "token", token: "e.y.J" });
    await enter(at);
    (await connection()).emit("CONNECTION_FAILED", "CONNECTION_DROPPED_ERROR");
    await vi.advanceTimersByTimeAsync(500);
    (await connection(2)).emit("CONNECTION_FAILED", "PASSWORD_REQUIRED");
    await vi.advanceTimersByTimeAsync(0);
    expect(at.failures[0]).toMatchObject({ fault: "request" });
  });
});
