import type { Layout, Theme } from "../contract";
import { LAYOUTS } from "../contract";
import { DEFAULT_THEME, LIGHT_COLORS } from "../theme";
import { LOGO } from "./logo";

/** A simulated room, as the address of the page describes it. */
export interface SceneScript {
  layout: Layout;
  theme: Theme;
  people: readonly ScenePerson[];
  /** Index of who speaks; null for nobody. */
  speaker: number | null;
  /** Indices of those who share a screen. */
  shares: readonly number[];
  chat: readonly { from: number; text: string }[];
  reactions: readonly { from: number | null; emoji: string }[];
  /** Pictures a second of every camera. */
  fps: number;
  /** The connection to the room is away. */
  reconnecting: boolean;
  /** The room ends soon after it began. */
  over: boolean;
  /** Speakers change, and people come and go. */
  restless: boolean;
}

export interface ScenePerson {
  name: string;
  mic: boolean;
  camera: "off" | "wide" | "tall" | "classic";
  steady: boolean;
  /** Place in the order of raised hands; null for a hand that is down. */
  hand: number | null;
}

const PLAIN = [
  "Amara Okafor",
  "Jonas Weber",
  "Priya Raman",
  "Mateo Silva",
  "Hannah Lindqvist",
  "Tomasz Zieliński",
  "Leila Haddad",
  "Ben Carter",
  "Chloé Dubois",
  "Nguyễn Minh Anh",
  "Oleksandr Kovalenko",
  "Sofia Rossi",
  "Ibrahim Diallo",
  "Eleni Παπαδοπούλου",
  "Freya Sørensen",
  "Lucas Moreau",
  "Zanele Dlamini",
  "Arjun Mehta",
  "Isabel Ortega",
  "Noah Fischer",
  "Yara Costa",
  "Viktor Novák",
  "Grace Mwangi",
  "Emil Jansen",
  "Rosa Delgado",
] as const;

/** Names that break what is built for plain ones. */
const HARD = [
  "محمد عبد الرحمن القحطاني",
  "山田 太郎",
  "王小明",
  "김민준",
  "🦊 Fox & the 👩🏽‍🚀 Crew 🌻",
  "Dr. Maximiliane Wolkenstein-Hohenzollern von und zu Sigmaringen (External, Guest of the Programme Committee)",
  "נועה בן־דוד",
  "<b>Bold</b> & \u202eReversed",
  "สมชาย ใจดี",
  "अनन्या शर्मा",
  "Z̸̢̛̭͙̲̿̀̈́̕ą̵̛̝̲͋̎͘l̷̨̛̩̱̈̈́g̵̢̡͎̾͒o̸̱͋͘",
  "\u0000\u0007 ",
  "🌻",
  "x".repeat(10_000),
  "Иван Сергеевич Тургенев",
  "👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦",
] as const;

const LINES = [
  "Good morning everyone ☕",
  "The slides are in the shared folder, page 12 has the numbers we talked about last week.",
  "Could you zoom in a little?",
  "مرحبا بالجميع",
  "ありがとうございます！",
  "Thank you — that was very clear.",
] as const;

const EMOJI = ["👏", "🎉", "❤️", "😂", "👍", "🙌🏽", "🔥"] as const;

/** The scene of a query such as `?people=9&layout=grid&share=1&names=hard&off=2,5`. Every parameter has a default. */
export function readScript(query: URLSearchParams): SceneScript {
  const count = Math.min(Math.max(whole(query.get("people"), 4), 0), 200);
  const off = indices(query.get("off"));
  const tall = indices(query.get("tall"));
  const classic = indices(query.get("classic"));
  const muted = indices(query.get("muted") ?? "1,2,5,7,8,11,13,14,17,19,20,23");
  const lost = indices(query.get("lost"));
  const hands = [...indices(query.get("hands"))];
  const names: readonly string[] = query.get("names") === "hard" ? HARD : PLAIN;
  const everybody = (which: ReadonlySet<number>, at: number) => which.has(at) || which.has(-1);
  const speaker = query.get("speaker") === "none" || count === 0 ? null : whole(query.get("speaker"), 0) % count;
  return {
    layout: layoutOf(query.get("layout")),
    theme: themeOf(query),
    people: Array.from({ length: count }, (_, at) => ({
      name: names[at % names.length] ?? "",
      mic: at === speaker || !everybody(muted, at),
      camera: everybody(off, at) ? "off" : everybody(tall, at) ? "tall" : everybody(classic, at) ? "classic" : "wide",
      steady: !lost.has(at),
      hand: hands.includes(at) ? hands.indexOf(at) : null,
    })),
    speaker,
    shares: [...indices(query.get("share"))],
    chat: LINES.slice(0, whole(query.get("chat"), 0)).map((text, at) => ({ from: at % Math.max(count, 1), text })),
    reactions: Array.from({ length: whole(query.get("reactions"), 0) }, (_, at) => ({
      from: query.has("strangers") ? null : (at * 2) % Math.max(count, 1),
      emoji: EMOJI[at % EMOJI.length] ?? "👏",
    })),
    fps: Math.min(Math.max(whole(query.get("fps"), 15), 1), 60),
    reconnecting: query.has("reconnecting"),
    over: query.has("over"),
    restless: query.has("restless"),
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
      gap: whole(query.get("gap"), DEFAULT_THEME.tiles.gap),
      motion: !query.has("still"),
      page_seconds: whole(query.get("turn"), 0),
    },
    overlays: {
      ...DEFAULT_THEME.overlays,
      names: query.get("plates") !== "0",
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

/** `1,3` or `all`, which is -1. */
function indices(text: string | null): ReadonlySet<number> {
  if (text === "all") return new Set([-1]);
  return new Set((text ?? "").split(",").flatMap((part) => (/^\d+$/.test(part) ? [Number(part)] : [])));
}
