import type { Theme } from "../contract";

/**
 * Behind the theme's own family stand the installed fonts for every script. Without a name here the browser would choose by
 * system configuration, and two machines would record two looks.
 */
const FALLBACK = [
  '"Noto Sans"',
  '"Noto Sans Arabic"',
  '"Noto Naskh Arabic"',
  '"Noto Sans Hebrew"',
  '"Noto Sans Devanagari"',
  '"Noto Sans Thai"',
  '"Noto Color Emoji"',
  "sans-serif",
];

/** Han characters differ in shape between languages, so the family follows the language of the text. */
const HAN: Readonly<Record<string, string>> = {
  zh: '"Noto Sans CJK SC"',
  ja: '"Noto Sans CJK JP"',
  ko: '"Noto Sans CJK KR"',
};

/** The custom properties that the style sheets read. */
export function themeProperties(theme: Theme): Record<string, string> {
  const { colors, tiles, overlays } = theme;
  const own = theme.font_family.replace(/,\s*sans-serif\s*$/, "");
  const family = (han: string) => [own, han, ...FALLBACK].join(", ");
  return {
    "--background": colors.background,
    "--surface": colors.surface,
    "--text": colors.text,
    "--muted-text": colors.muted_text,
    "--accent": colors.accent,
    "--alert": colors.alert,
    // Lengths are for 720 lines, of which a rem is a forty-fifth.
    ...(tiles.radius !== null && { "--tile-radius": `${tiles.radius / 16}rem` }),
    ...(overlays.radius !== null && { "--panel-radius": `${overlays.radius / 16}rem` }),
    "--font": family(HAN.zh ?? ""),
    "--font-ja": family(HAN.ja ?? ""),
    "--font-ko": family(HAN.ko ?? ""),
  };
}

export function applyTheme(root: HTMLElement, theme: Theme): void {
  for (const [name, value] of Object.entries(themeProperties(theme))) root.style.setProperty(name, value);
}

/**
 * Resolves when the theme's fonts can be drawn, or when `deadlineMs` have passed: a picture in a fallback font is better than
 * no recording.
 */
export async function fontsLoaded(theme: Theme, deadlineMs: number): Promise<void> {
  const wanted = [500, 600].map((weight) => document.fonts.load(`${weight} 16px ${theme.font_family}`));
  const loaded = Promise.allSettled(wanted).then(() => document.fonts.ready);
  const deadline = new Promise((resolve) => setTimeout(resolve, deadlineMs));
  await Promise.race([loaded, deadline]);
}
