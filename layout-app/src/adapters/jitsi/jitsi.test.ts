import { describe, expect, test } from "vitest";
import type { JitsiLogin } from "../../contract/generated/JitsiLogin";
import { RoomFailure } from "../room";
import { constraintsFor, layerFor } from "./constraints";
import { conferenceParting, connectionParting, joinTooLate, nameOf, noScript } from "./failure";
import { isRobot, raisedHandAt, reactionsOf, transcriptOf } from "./messages";
import { backendName, connectionOptions, credentialsOf, fileOf, serviceUrl } from "./options";

const GUEST: JitsiLogin = { kind: "guest" };
const ACCOUNT: JitsiLogin = { kind: "account", user: "recorder", password: "hunter2" };
const TOKEN: JitsiLogin = { kind: "token", token: "eyJhbGciOi.hunter2.x" };
const place = (login: JitsiLogin, passcode: string | null = null) => ({
  url: "https://meet.example.org/team",
  room: "Standup",
  access: { login, passcode },
});
const CONFIG = { hosts: { domain: "meet.example.org", muc: "conference.meet.example.org" } };

describe("messages", () => {
  test.each([
    [{ name: "endpoint-reaction", reactions: ["like", "clap"], timestamp: 1 }, ["👍", "👏"]],
    [{ name: "endpoint-reaction", reactions: ["love", "love", "laugh"], timestamp: 1 }, ["💖", "😀"]],
    [{ name: "endpoint-reaction", reactions: ["boo", "surprised", "silence", "like"] }, ["🙁", "😮", "😶"]],
    [{ name: "endpoint-reaction", reactions: ["constructor", 7, "dance"] }, []],
    [{ name: "endpoint-reaction", reactions: "like" }, []],
    [{ name: "endpoint-text-message", text: "like" }, []],
    ["like", []],
    [null, []],
  ])("the message %j holds the reactions %j", (message, emojis) => {
    expect(reactionsOf(message)).toEqual(emojis);
  });

  test.each([
    [undefined, null],
    ["", null],
    ["false", null],
    ["1700000000000", 1700000000000],
    [1700000000000, 1700000000000],
    ["true", 0],
  ])("the property %j is of a hand raised at %j", (property, at) => {
    expect(raisedHandAt(property)).toBe(at);
  });

  test("a transcriber's words say whose they are and whether they are all", () => {
    const message = {
      type: "transcription-result",
      message_id: "m1",
      is_interim: true,
      participant: { id: "ada", name: "Ada" },
      transcript: [{ text: "Good morning", confidence: 0.9 }],
    };
    const said = { segment: "m1", identity: "ada", name: "Ada", text: "Good morning" };
    expect(transcriptOf(message)).toEqual({ ...said, final: false });
    expect(transcriptOf({ ...message, is_interim: false })).toEqual({ ...said, final: true });
    for (const other of [
      { ...message, transcript: [] },
      { ...message, message_id: 1 },
      { type: "translation-result" },
      null,
    ])
      expect(transcriptOf(other)).toBeNull();
  });

  test("a recorder says so of itself", () => {
    expect(isRobot({ attributes: { robot: "true" } })).toBe(true);
    expect(isRobot({ attributes: {} }) || isRobot({})).toBe(false);
  });
});

describe("pictures", () => {
  test.each([
    [0, false, 0],
    [60, false, 180],
    [180, false, 180],
    [220, false, 180],
    [240, false, 360],
    [400, false, 360],
    [720, false, 720],
    [4000, false, 2160],
    [400, true, 720],
    [720, true, 720],
  ])("of tiles %j pixels high (screen: %j) are asked for at %j", (height, isScreen, layer) => {
    expect(layerFor(height, isScreen)).toBe(layer);
  });

  test("that are on no tile are not sent, and those that have just come small", () => {
    const shown = [
      { source: "ada-v0", isScreen: false, height: 360 },
      { source: "bob-v0", isScreen: false, height: 0 },
      { source: "bob-v1", isScreen: true, height: 700 },
    ];
    expect(constraintsFor(shown)).toEqual({
      lastN: -1,
      defaultConstraints: { maxHeight: 180 },
      constraints: { "ada-v0": { maxHeight: 360 }, "bob-v0": { maxHeight: 0 }, "bob-v1": { maxHeight: 720 } },
    });
  });

  test("of somebody whose sources have no names are asked for by the tallest", () => {
    const tiles = [100, 720, 0].map((height) => ({ source: "ada", isScreen: false, height }));
    expect(constraintsFor(tiles).constraints).toEqual({ ada: { maxHeight: 720 } });
  });
});

describe("a deployment", () => {
  test.each([
    ["https://meet.example.org/", "https://meet.example.org/config.js"],
    ["https://meet.example.org/team", "https://meet.example.org/team/config.js"],
  ])("at %s has its configuration at %s", (url, file) => {
    expect(fileOf(url, "config.js")).toBe(file);
  });

  test.each([
    ["Standup", "standup"],
    ["Daily Standup", "daily%20standup"],
    ["Größe/ﬁn", "gr%c3%b6%c3%9fe%2ffin"],
  ])("knows the room %s as %s", (room, name) => {
    expect(backendName(room)).toBe(name);
  });

  test.each([
    [
      { websocket: "wss://x.example/xmpp-websocket", bosh: "//x.example/http-bind" },
      "wss://x.example/xmpp-websocket?room=a",
    ],
    [
      { websocket: "wss://x.example/ws", bosh: "//x.example/http-bind", preferBosh: true },
      "https://x.example/http-bind?room=a",
    ],
    [{ bosh: "/team/http-bind" }, "https://meet.example.org/team/http-bind?room=a"],
    [{}, "https://meet.example.org/http-bind?room=a"],
  ])("with %j speaks XMPP at %s", (config, service) => {
    expect(serviceUrl("https://meet.example.org/team", config, "a")).toBe(service);
  });

  test("is joined by its own configuration, without what measures, goes around the bridge or asks another origin", () => {
    const config = {
      ...CONFIG,
      bosh: "//h/http-bind",
      conferenceRequestUrl: "https://h/conference-request/v1",
      websocketKeepAliveUrl: "https://h/_unlock",
      analytics: { amplitudeAPPKey: "x" },
      p2p: { enabled: true, stunServers: [] },
      testing: { p2pTestMode: false },
    };
    const credentials = credentialsOf({ ...ACCOUNT, user: "recorder@recorder.h" } as JitsiLogin, config);
    expect(credentials).toEqual({ id: "recorder@recorder.h", password: "hunter2", token: null });
    const options = connectionOptions("https://meet.example.org/", config, "a", credentials);
    expect(options).toMatchObject({
      ...CONFIG,
      hiddenDomain: "recorder.h",
      iAmRecorder: true,
      p2p: { enabled: false, stunServers: [] },
      testing: { p2pTestMode: false },
      analytics: { disabled: true },
      serviceUrl: "https://h/http-bind?room=a",
      bosh: undefined,
      conferenceRequestUrl: undefined,
      websocketKeepAliveUrl: undefined,
    });
    expect(JSON.stringify(options)).not.toContain("hunter2");
  });

  test("gives an account without a domain its hidden one", () => {
    const config = { ...CONFIG, hiddenDomain: "recorder.meet.example.org" };
    expect(credentialsOf(ACCOUNT, config).id).toBe("recorder@recorder.meet.example.org");
    expect(() => credentialsOf(ACCOUNT, CONFIG)).toThrow("names no hidden domain");
    expect(credentialsOf(TOKEN, config)).toEqual({ token: "eyJhbGciOi.hunter2.x" });
    expect(credentialsOf(GUEST, config)).toEqual({ token: null });
  });

  test("without XMPP in its configuration is none", () => {
    expect(() => connectionOptions("https://h/", {}, "a", { token: null })).toThrow(RoomFailure);
  });
});

describe("what goes wrong", () => {
  test.each([
    [connectionParting("PASSWORD_REQUIRED", "", place(ACCOUNT)), "request", "check --jitsi-user and --jitsi-password"],
    [connectionParting("PASSWORD_REQUIRED", "", place(GUEST)), "request", "nobody in without a login"],
    [
      connectionParting("PASSWORD_REQUIRED", "Token eyJhbGciOi.hunter2.x is expired", place(TOKEN)),
      "request",
      "refused the token (Token is expired)",
    ],
    [connectionParting("CONNECTION_TOKEN_EXPIRED", "", place(TOKEN)), "request", "has expired"],
    [connectionParting("NOT_LIVE_ERROR", "", place(GUEST)), "request", "has not begun"],
    [conferenceParting("PASSWORD_REQUIRED", place(GUEST)), "request", "give it by --jitsi-passcode"],
    [conferenceParting("PASSWORD_REQUIRED", place(GUEST, "1234")), "request", "check --jitsi-passcode"],
    [conferenceParting("AUTHENTICATION_REQUIRED", place(GUEST)), "request", "--jitsi-user"],
    [conferenceParting("NOT_ALLOWED_ERROR", place(ACCOUNT)), "request", "does not let this account into"],
    [conferenceParting("MEMBERS_ONLY_ERROR", place(GUEST)), "request", "lobby"],
    [conferenceParting("CONFERENCE_MAX_USERS", place(GUEST)), "room", "is full"],
    [conferenceParting("RESERVATION_ERROR", place(GUEST)), "room", "reservation"],
  ])("for good: %#", ({ failure, passing, closed }, fault, words) => {
    expect(failure.fault).toBe(fault);
    expect(failure.message).toContain(words);
    expect(failure.message).not.toMatch(/hunter2|eyJ|1234/);
    expect(passing || closed).toBe(false);
  });

  test.each([
    connectionParting("CONNECTION_DROPPED_ERROR", "", place(GUEST)),
    connectionParting("SERVER_ERROR", "", place(GUEST)),
    connectionParting("SHARD_CHANGED_ERROR", "", place(GUEST)),
    connectionParting("CONFERENCE_REQUEST_FAILED", "", place(GUEST)),
    conferenceParting("ICE_FAILED", place(GUEST)),
    conferenceParting("FOCUS_LEFT", place(GUEST)),
    conferenceParting("VIDEOBRIDGE_NOT_AVAILABLE", place(GUEST)),
    conferenceParting("GRACEFUL_SHUTDOWN", place(GUEST)),
  ])("for a moment: %#", ({ failure, passing }) => {
    expect(failure).toMatchObject({ fault: "room", message: expect.stringContaining("Jitsi") as string });
    expect(passing).toBe(true);
  });

  test("a room that is closed is no failure", () => {
    expect(conferenceParting("CONFERENCE_DESTROYED", place(GUEST)).closed).toBe(true);
  });

  test("where there is no Jitsi names the file, and what takes too long the step", () => {
    expect(noScript("https://h/x?y=hunter2", "config.js").message).toMatch(/^config\.js of the Jitsi deployment at h /);
    expect(joinTooLate("https://h/", "asking", 15).message).toContain("jicofo");
  });

  test("errors are known by their names, whatever values a lib has for them", () => {
    expect(nameOf({ KICKED: "conference.kicked" }, "conference.kicked")).toBe("KICKED");
    expect(nameOf({}, "conference.new")).toBe("conference.new");
  });
});
