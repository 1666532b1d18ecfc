import type { Theme } from "../contract";
import { themeProperties } from "../theme";

/** The prefix of the custom properties that a template may read and set. */
export const PREFIX = "--wf-";

/** What our style sheets read, from what a template's own style sheet has left or has set. */
export function inherited(theme: Theme): string {
  const names = [...Object.keys(themeProperties(theme)), "--tile-radius", "--panel-radius"];
  return names.map((name) => `${name}: var(${prefixed(name)});`).join("\n");
}

function prefixed(name: string): string {
  return PREFIX + name.slice(2);
}

/**
 * The theme as a style sheet of the document. It stands in a layer, so that whatever a template's own style sheet says comes before it.
 * A rem is a forty-fifth of the frame's shorter side, 16 px of 720: what is sized by it looks the same in every frame.
 */
export class ThemeSheet {
  readonly #sheet = new CSSStyleSheet();

  constructor(into: DocumentOrShadowRoot) {
    into.adoptedStyleSheets = [...into.adoptedStyleSheets, this.#sheet];
  }

  apply(theme: Theme): void {
    const values = Object.entries(themeProperties(theme)).map(([name, value]) => `${prefixed(name)}: ${value};`);
    this.#sheet.replaceSync(`@layer wallflower {
      :root { font-size: calc(100vmin / 45); ${values.join(" ")} }
      html, body { height: 100%; margin: 0; overflow: hidden; cursor: none; }
      body { background: var(--wf-background); color: var(--wf-text); font-family: var(--wf-font); -webkit-font-smoothing: antialiased; }
    }`);
  }
}
