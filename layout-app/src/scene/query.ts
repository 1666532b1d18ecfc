import type { Layout, Scene, SceneNames, Theme } from "../contract";
import { LAYOUTS } from "../contract";
import { DEFAULT_THEME, LIGHT_COLORS } from "../theme";
import { LOGO } from "./logo";
import { MOST_PEOPLE } from "./people";

const NAMES: readonly SceneNames[] = ["plain", "long", "rtl", "emoji", "hard"];

/** A stage with a simulated room, as the address of the page describes it. */
export interface Shown {
  layout: Layout;
  theme: Theme;
  scene: Scene;
}

/** What a query such as `?people=9&layout=grid&share=1&names=hard&off=2,5` shows. Every parameter has a default. */
export function readQuery(query: URLSearchParams): Shown {
  const count = Math.min(Math.max(whole(query.get("people"), 4), 0), MOST_PEOPLE);
  const who = (key: string, otherwise = "") => indices(query.get(key) ?? otherwise, count);
  return {
    layout: layoutOf(query.get("layout")),
    theme: themeOf(query),
    scene: {
      people: count,
      names: NAMES.find((each) => each === query.get("names")) ?? "plain",
      speaker: query.get("speaker") === "none" || count === 0 ? null : whole(query.get("speaker"), 0) % count,
      off: who("off"),
      tall: who("tall"),
      classic: who("classic"),
      muted: who("muted", "1,2,5,7,8,11,13,14,17,19,20,23"),
      hands: who("hands"),
      lost: who("lost"),
      shares: who("share"),
      chat: whole(query.get("chat"), 0),
      reactions: whole(query.get("reactions"), 0),
      strangers: query.has("strangers"),
      captions: query.has("captions"),
      lively: query.has("lively"),
      reconnecting: query.has("reconnecting"),
      restless: query.has("restless"),
      sound: query.has("sound"),
      over: query.has("over"),
      still: query.has("frozen"),
      fps: whole(query.get("fps"), 15),
    },
  };
}

function themeOf(query: URLSearchParams): Theme {
  const corner = query.get("logo");
  const corners = ["top-left", "top-right", "bottom-left", "bottom-right"] as const;
  const known = corners.find((each) => each === corner);
  return {
    ...DEFAULT_THEME,
    title: query.get("title"),
    ...(query.has("light") && { colors: LIGHT_COLORS }),
    ...(query.has("brand") && { colors: BRAND_COLORS }),
    logo: known ? { image: LOGO, corner: known } : null,
    tiles: {
      ...DEFAULT_THEME.tiles,
      gap: whole(query.get("gap"), DEFAULT_THEME.tiles.gap),
      motion: !query.has("still"),
      page_seconds: whole(query.get("turn"), 0),
    },
    overlays: {
      ...DEFAULT_THEME.overlays,
      names: query.get("plates") !== "0",
      captions: query.has("captions"),
      clock: query.has("clock") ? (query.get("clock") === "time" ? "time" : "elapsed") : "off",
      lower_third: query.has("third")
        ? { headline: query.get("third") || "Amara Okafor", detail: query.get("detail"), after: 0, seconds: 0 }
        : null,
      ticker: query.has("ticker") ? { text: query.get("ticker") || HEADLINES, speed: 90 } : null,
      watermark: query.has("mark") ? { image: LOGO, corner: "bottom-right", opacity: 50, width: 20 } : null,
      intro: query.has("intro")
        ? { headline: query.get("intro") ?? "", detail: query.get("detail"), seconds: 30 }
        : null,
      outro: query.has("outro")
        ? { headline: query.get("outro") ?? "", detail: query.get("detail"), seconds: 4 }
        : null,
    },
  };
}

const HEADLINES =
  "Registration for the spring conference opens on Monday · Questions go into the chat · The recording will be published tomorrow";

const BRAND_COLORS: Theme["colors"] = {
  base: "dark",
  background: "#1a1033",
  surface: "#2b1d4f",
  text: "#fbf8ff",
  muted_text: "#b9aadb",
  accent: "#ffb347",
  alert: "#ff7a90",
};

function layoutOf(name: string | null): Layout {
  return LAYOUTS.find((layout) => layout === name) ?? "grid";
}

function whole(text: string | null, otherwise: number): number {
  const value = Number(text ?? Number.NaN);
  return Number.isInteger(value) ? value : otherwise;
}

/** `1,3` or `all`. */
function indices(text: string, count: number): number[] {
  if (text === "all") return Array.from({ length: count }, (_, at) => at);
  return text.split(",").flatMap((part) => (/^\d+$/.test(part) ? [Number(part)] : []));
}
