import { describe, expect, test } from "vitest";
import { displayName, drawable, initials, LONGEST_NAME, scriptLanguage, soleEmoji } from "./text";

describe("a name", () => {
  test.each([
    ["plain", "Amara Okafor", "Amara Okafor"],
    ["spaces and line breaks", "  Amara \n\t Okafor ", "Amara Okafor"],
    ["markup, which is text", "<b>Bold</b> & Co", "<b>Bold</b> & Co"],
    ["bidirectional controls", "safe\u202eexe.nls\u2066", "safeexe.nls"],
    ["control characters", "a\u0000b\u0007c\u009f", "abc"],
    ["joiners, which emoji and Persian need", "👩🏽‍🚀 می‌خواهم", "👩🏽‍🚀 می‌خواهم"],
    ["nothing that can be seen", "\u200b\u0000 \u2060", "who-1"],
    ["nothing", "", "who-1"],
  ])("of %s is drawn as it should be", (_, name, shown) => {
    expect(displayName(name, "who-1")).toBe(shown);
  });

  test("of 10,000 characters is cut and says so", () => {
    const shown = displayName("x".repeat(10_000), "id");
    expect(shown).toBe(`${"x".repeat(LONGEST_NAME - 1)}…`);
  });

  test("is never cut within what a reader takes for one character", () => {
    expect(drawable("👨‍👩‍👧‍👦".repeat(9), 3)).toBe("👨‍👩‍👧‍👦👨‍👩‍👧‍👦…");
  });

  test("of exactly the longest length is not cut", () => {
    expect(drawable("abc", 3)).toBe("abc");
  });

  test("does not climb out of its line", () => {
    expect(drawable(`Z${"\u0335".repeat(40)}`, 10)).toBe(`Z${"\u0335".repeat(4)}`);
  });

  test("of a participant with neither name nor identity is still a name", () => {
    expect(displayName("", "")).toBe("Guest");
  });
});

test.each([
  ["Amara Okafor", "AO"],
  ["amara", "A"],
  ["Dr. Maximiliane von Wolkenstein", "DW"],
  ["山田 太郎", "山"],
  ["محمد القحطاني", "م"],
  ["🦊 Fox & the Crew", "FC"],
  ["🌻", "🌻"],
  ["(Guest) 7", "G"],
  ["Élodie Ñandú", "ÉÑ"],
])("the initials of %j are %j", (name, letters) => {
  expect(initials(name)).toBe(letters);
});

test.each([
  ["山田たろう", "ja"],
  ["김민준", "ko"],
  ["王小明", "zh"],
  ["Amara", null],
] as const)("the letters of %j are those of %s", (text, language) => {
  expect(scriptLanguage(text)).toBe(language);
});

test.each([
  ["👍", "👍"],
  ["👩🏽‍🚀", "👩🏽‍🚀"],
  ["🇫🇷", "🇫🇷"],
  ["1️⃣", "1️⃣"],
  ["❤️🎉", "❤️"],
  ["<img>", null],
  ["", null],
])("the reaction %j is drawn as %j", (text, emoji) => {
  expect(soleEmoji(text)).toBe(emoji);
});
