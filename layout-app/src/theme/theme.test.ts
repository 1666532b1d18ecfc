import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { USUAL_GAP } from "../stage";
import { themeProperties } from "./apply";
import { DEFAULT_THEME, LIGHT_COLORS } from "./default";

test("the defaults are those of the agent", () => {
  const rust = readFileSync(new URL("../../../orchestrator/domain/src/theme.rs", import.meta.url), "utf8");
  const bases = readFileSync(new URL("../../../orchestrator/domain/src/theme/colors.rs", import.meta.url), "utf8");
  const all = [...bases.matchAll(/^\s*(\w+): color\("(#\w+)"\)/gm)].map(([, name, hex]) => [name, hex]);
  const half = all.length / 2;
  expect({ base: "dark", ...Object.fromEntries(all.slice(0, half)) }).toEqual(DEFAULT_THEME.colors);
  expect({ base: "light", ...Object.fromEntries(all.slice(half)) }).toEqual(LIGHT_COLORS);
  expect(rust).toContain(JSON.stringify(DEFAULT_THEME.font_family));
  const written = (value: unknown) => (value === null ? "None" : value === "off" ? "Clock::Off" : String(value));
  const tiles = Object.entries(DEFAULT_THEME.tiles).map(([name, value]) => `${name}: ${written(value)}`);
  expect(rust).toContain(`Self { ${tiles.join(", ")} }`);
  const overlays = readFileSync(new URL("../../../orchestrator/domain/src/theme/overlays.rs", import.meta.url), "utf8");
  for (const [name, value] of Object.entries(DEFAULT_THEME.overlays)) {
    expect(overlays).toContain(`            ${name}: ${written(value)},`);
  }
  expect(DEFAULT_THEME.tiles.gap).toBe(USUAL_GAP);
});

test("every font family ends in the installed fonts, emoji and a generic one", () => {
  const { "--font": plain, "--font-ja": japanese } = themeProperties({
    ...DEFAULT_THEME,
    font_family: "Georgia, sans-serif",
  });
  expect(plain).toMatch(/^Georgia, "Noto Sans CJK SC", .*"Noto Color Emoji", sans-serif$/);
  expect(japanese).toMatch(/^Georgia, "Noto Sans CJK JP", /);
});
