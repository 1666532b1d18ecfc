import { scriptLanguage } from "../model";

/** Writes a name as text of its own direction and language: neither its letters nor its direction reach its neighbours. */
export function writeName(into: HTMLElement, name: string): void {
  if (into.textContent === name) return;
  into.textContent = name;
  into.dir = "auto";
  const language = scriptLanguage(name);
  if (language === null) into.removeAttribute("lang");
  else into.lang = language;
}
