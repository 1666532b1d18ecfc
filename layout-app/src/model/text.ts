/**
 * Text from a room, made fit to be drawn. Names and chat come from strangers: they may be empty, endless, full of control
 * characters, or built to turn the direction of what stands beside them.
 */

/** C0 and C1 controls, bidirectional controls, invisible operators, the byte order mark, tags' and interlinear marks. */
const INVISIBLE = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;
/** More marks than any script stacks on one letter: they would climb out of the line. */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu;
/** Lone surrogates and unassigned code points draw as boxes. */
const UNDRAWABLE = /[\p{Cs}\p{Cn}]/gu;

const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });

export const LONGEST_NAME = 80;
export const LONGEST_LINE = 400;

/** One line of at most `longest` characters as a reader counts them, with an ellipsis where it was cut. */
export function drawable(text: string, longest: number): string {
  // Cut roughly first, so that a megabyte costs no more than a line.
  const line = text
    .slice(0, longest * 16)
    .replace(/[\s\p{Z}]+/gu, " ")
    .replace(INVISIBLE, "")
    .replace(UNDRAWABLE, "")
    .replace(STACKED_MARKS, "$1")
    .trim();
  let kept = "";
  let count = 0;
  for (const { segment } of graphemes.segment(line)) {
    if (count === longest - 1 && kept.length + segment.length < line.length) return `${kept.trimEnd()}…`;
    kept += segment;
    count += 1;
  }
  return kept;
}

/** The name to show for a participant; the identity stands in for an empty one. */
export function displayName(name: string, identity: string): string {
  return drawable(name, LONGEST_NAME) || drawable(identity, LONGEST_NAME) || "Guest";
}

/** At most two letters for a tile without a picture. */
export function initials(name: string): string {
  const words = name.split(" ").flatMap((word) => {
    const letter = [...graphemes.segment(word)].find(({ segment }) => /^[\p{L}\p{N}]/u.test(segment));
    return letter ? [letter.segment] : [];
  });
  const first = words[0];
  if (first === undefined) {
    const [emoji] = graphemes.segment(name);
    return emoji?.segment ?? "";
  }
  const last = words[words.length - 1];
  // Two letters side by side read as initials only where letters stand apart and have capitals.
  const cased = (letter: string) => letter.toLocaleUpperCase() !== letter.toLocaleLowerCase();
  if (words.length < 2 || last === undefined || !cased(first) || !cased(last)) return first.toLocaleUpperCase();
  return (first + last).toLocaleUpperCase();
}

/** The language whose letter shapes a text should get, where characters are shared between languages. */
export function scriptLanguage(text: string): "ja" | "ko" | "zh" | null {
  if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) return "ja";
  if (/\p{Script=Hangul}/u.test(text)) return "ko";
  if (/\p{Script=Han}/u.test(text)) return "zh";
  return null;
}

/** The first emoji of a text that is nothing but emoji; null when it is something else. */
export function soleEmoji(text: string): string | null {
  const [first] = graphemes.segment(text.trim());
  return first && /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u.test(first.segment) ? first.segment : null;
}
