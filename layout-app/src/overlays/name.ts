import { drawable, scriptLanguage } from "../model";

/** Writes a name as text of its own direction and language: neither its letters nor its direction reach its neighbours. */
export function writeName(into: HTMLElement, name: string): void {
  if (into.textContent === name) return;
  into.textContent = name;
  into.dir = "auto";
  const language = scriptLanguage(name);
  if (language === null) into.removeAttribute("lang");
  else into.lang = language;
}

/** A theme's text is no more trusted than a name is. */
const LONGEST_TEXT = 1000;

/** Writes what a theme says. */
export function writeText(into: HTMLElement, text: string): void {
  writeName(into, drawable(text, LONGEST_TEXT));
}
