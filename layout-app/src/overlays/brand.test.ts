import { expect, test } from "vitest";
import { DEFAULT_THEME } from "../theme/default";
import { bandsOf } from "./brand";

const HD = { width: 1280, height: 720 };
const TITLE = { title: "All hands" };
const LOWER_LOGO = { logo: { image: "data:,", corner: "bottom-left" } } as const;
const TICKER = { ticker: { text: "Hello", speed: 90 } };

test.each([
  ["nothing keeps nothing free", {}, {}, { top: 0, bottom: 0, ticker: 0, captions: 0 }],
  ["a title stands above", TITLE, {}, { top: 55, bottom: 0, ticker: 0, captions: 0 }],
  ["a title stands beside its logo", { ...TITLE, ...LOWER_LOGO }, {}, { top: 0, bottom: 55, ticker: 0, captions: 0 }],
  ["a clock alone has a band too", {}, { clock: "elapsed" }, { top: 55, bottom: 0, ticker: 0, captions: 0 }],
  ["a ticker is a gap away from the tiles", {}, TICKER, { top: 0, bottom: 50, ticker: 40, captions: 0 }],
  ["a ticker runs below a logo", LOWER_LOGO, TICKER, { top: 0, bottom: 95, ticker: 40, captions: 0 }],
] as const)("%s", (_, theme, overlays, expected) => {
  const whole = { ...DEFAULT_THEME, ...theme, overlays: { ...DEFAULT_THEME.overlays, ...overlays } };
  expect(bandsOf(whole, HD)).toEqual(expected);
});

test("bands grow with the frame", () => {
  expect(bandsOf({ ...DEFAULT_THEME, ...TITLE }, { width: 3840, height: 2160 }).top).toBe(165);
});
