import { expect, test } from "vitest";
import type { PageConfig } from "../contract";
import { NOTHING_CHANGED } from "../contract";
import { DEFAULT_THEME } from "../theme";
import { isLive } from "./live";

const CONFIG: PageConfig = {
  contract: 1,
  recording: "workshop",
  room: null,
  size: { width: 1280, height: 720 },
  fps: 30,
  ...NOTHING_CHANGED,
  layout: "grid",
  theme: DEFAULT_THEME,
};
const { overlays } = DEFAULT_THEME;
const card = { headline: "Soon", detail: null, seconds: 5 };
const third = { headline: "Ann", detail: null, after: 2, seconds: 8 };

test.each<[string, Partial<PageConfig>, boolean]>([
  ["nothing", {}, true],
  ["the layout", { layout: "speaker" }, true],
  ["a colour", { theme: { ...DEFAULT_THEME, colors: { ...DEFAULT_THEME.colors, accent: "#ff0066" } } }, true],
  ["an overlay", { theme: { ...DEFAULT_THEME, overlays: { ...overlays, chat: !overlays.chat } } }, true],
  ["the size", { size: { width: 720, height: 1280 } }, false],
  ["the intro", { theme: { ...DEFAULT_THEME, overlays: { ...overlays, intro: card } } }, false],
  ["the outro", { theme: { ...DEFAULT_THEME, overlays: { ...overlays, outro: card } } }, false],
  ["a lower third", { theme: { ...DEFAULT_THEME, overlays: { ...overlays, lower_third: third } } }, false],
])("with %s changed, the page that is shown can be told: %s", (_, change, expected) => {
  expect(isLive(CONFIG, { ...CONFIG, ...change })).toBe(expected);
});
