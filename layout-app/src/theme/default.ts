import type { Colors } from "../contract/generated/Colors";
import type { Theme } from "../contract/generated/Theme";

/** The defaults of `orchestrator/domain/src/theme.rs`, for a page that no agent has configured; a test compares the two. */
export const DEFAULT_THEME: Theme = {
  title: null,
  font_family: 'Inter, "Noto Sans", sans-serif',
  colors: {
    base: "dark",
    background: "#0e1116",
    surface: "#1b212b",
    text: "#f4f6fa",
    muted_text: "#a9b3c3",
    accent: "#5ad1a0",
    alert: "#ff6b6b",
  },
  background: null,
  logo: null,
  tiles: { gap: 10, margin: null, radius: null, motion: true, page_seconds: 0 },
  overlays: {
    names: true,
    chat: true,
    pinned: true,
    reactions: true,
    hands: true,
    captions: false,
    radius: null,
    clock: "off",
    lower_third: null,
    ticker: null,
    watermark: null,
    intro: null,
    outro: null,
  },
};

/** What LiveKit Egress calls a `-light` layout. */
export const LIGHT_COLORS: Colors = {
  base: "light",
  background: "#f1f3f7",
  surface: "#ffffff",
  text: "#141922",
  muted_text: "#5b6677",
  accent: "#12946a",
  alert: "#d4323c",
};
