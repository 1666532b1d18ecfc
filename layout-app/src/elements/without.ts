import type { Overlays, Theme } from "../contract";

/** What `without="…"` may name, of a stage or a tile. */
export type Trimming = keyof Pick<Overlays, "names" | "hands" | "reactions">;

export function listed(text: string | null): ReadonlySet<string> {
  return new Set((text ?? "").split(/\s+/).filter(Boolean));
}

/**
 * The theme of a stage in a template. What belongs to the whole frame is the template's own to place; with `overlays` the stage draws it,
 * as the page does that is nothing else.
 */
export function ofStage(theme: Theme, overlays: boolean, without: ReadonlySet<string>): Theme {
  const kept = (name: Trimming) => theme.overlays[name] && !without.has(name);
  const own = { names: kept("names"), hands: kept("hands"), reactions: kept("reactions") };
  if (overlays) return { ...theme, overlays: { ...theme.overlays, ...own } };
  return {
    ...theme,
    title: null,
    logo: null,
    background: null,
    overlays: {
      ...theme.overlays,
      ...own,
      chat: false,
      pinned: false,
      captions: false,
      clock: "off",
      lower_third: null,
      ticker: null,
      watermark: null,
      intro: null,
      outro: null,
    },
  };
}
