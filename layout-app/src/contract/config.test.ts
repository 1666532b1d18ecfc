import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DEFAULT_THEME, LIGHT_COLORS } from "../theme/default";
import type { ConfigScope } from "./config";
import { CONTRACT, LAYOUTS, NOTHING_CHANGED, takeConfig } from "./config";

const VIEWPORT = { width: 1280, height: 720 };
const CONFIG = {
  contract: CONTRACT,
  recording: "r1",
  room: { kind: "demo", url: "ws://127.0.0.1:1/rooms/a/ws" },
  layout: "speaker",
  theme: DEFAULT_THEME,
  size: VIEWPORT,
  fps: 30,
};

test("the layouts are those of the agent, in its order", () => {
  const rust = readFileSync(new URL("../../../orchestrator/domain/src/layout.rs", import.meta.url), "utf8");
  expect([...rust.matchAll(/Self::\w+ => "([\w-]+)"/g)].map(([, name]) => name)).toEqual(LAYOUTS);
});

describe("the configuration", () => {
  test("is taken from the page, and gone from it", () => {
    const scope: ConfigScope = { __wallflower: CONFIG };
    expect(takeConfig(scope, "", VIEWPORT)).toEqual({
      ok: true,
      origin: "agent",
      config: { ...NOTHING_CHANGED, ...CONFIG },
    });
    expect("__wallflower" in scope).toBe(false);
  });

  test("without a room is the request's fault", () => {
    const taken = takeConfig({ __wallflower: { ...CONFIG, room: null } }, "", VIEWPORT);
    expect(taken).toMatchObject({ ok: false, fault: "request" });
  });

  test("of another version is refused", () => {
    const taken = takeConfig({ __wallflower: { ...CONFIG, contract: CONTRACT + 1 } }, "", VIEWPORT);
    expect(taken).toMatchObject({ ok: false, fault: "platform" });
  });

  test("of an agent goes before the query", () => {
    const taken = takeConfig({ __wallflower: CONFIG }, "?url=ws://other&token=t", VIEWPORT);
    expect(taken).toMatchObject({ ok: true, origin: "agent" });
  });

  test.each([
    ["grid", "grid", DEFAULT_THEME.colors],
    ["speaker-dark", "speaker", DEFAULT_THEME.colors],
    ["single-speaker-light", "single-speaker", LIGHT_COLORS],
    ["somebody-elses", "grid", DEFAULT_THEME.colors],
    ["", "grid", DEFAULT_THEME.colors],
  ])("of an Egress query with layout %j is %s", (name, layout, colors) => {
    const query = `?layout=${name}&url=${encodeURIComponent("wss://live.example")}&token=abc`;
    expect(takeConfig({}, query, VIEWPORT)).toMatchObject({
      ok: true,
      origin: "query",
      config: { layout, theme: { colors }, room: { kind: "livekit", url: "wss://live.example", token: "abc" } },
    });
  });

  test.each(["", "?layout=grid", "?url=wss://live.example", "?token=abc&url="])(
    "of the query %j names no room",
    (query) => {
      expect(takeConfig({}, query, VIEWPORT)).toMatchObject({ ok: false, origin: "query", fault: "request" });
    },
  );
});
