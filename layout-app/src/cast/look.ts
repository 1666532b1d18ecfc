import { pick, random } from "./random";

/** How a drawn participant looks: everything that follows from the seed and stays. */
export interface Look {
  skin: Skin;
  hair: { style: HairStyle; color: string; shine: string };
  beard: Beard;
  brow: string;
  iris: string;
  glasses: "none" | "round" | "square";
  extra: "none" | "earrings" | "headphones";
  freckles: boolean;
  faceWidth: number;
  clothes: { style: Clothes; color: string; inner: string };
  backdrop: Backdrop;
  scheme: Scheme;
  /** Where in its cycles of motion this one starts, so that no two move alike. */
  phase: number;
}

export type HairStyle = "crop" | "quiff" | "bob" | "long" | "waves" | "afro" | "bun" | "curls" | "shaved" | "scarf";
export type Beard = "none" | "full" | "stubble" | "moustache";
export type Clothes = "tee" | "shirt" | "hoodie" | "turtleneck" | "blazer";
export type Backdrop = "shelf" | "window" | "plant" | "arches" | "lamp" | "pinboard";

export interface Skin {
  base: string;
  shade: string;
  blush: string;
  lips: string;
}

/** Colours of a room that go together. */
export interface Scheme {
  wall: string;
  shade: string;
  light: string;
  accent: string;
  wood: string;
}

const SKINS: readonly [Skin, ...Skin[]] = [
  { base: "#ffdfc9", shade: "#f2c3a6", blush: "#ff9d8f", lips: "#d9636a" },
  { base: "#f8cfb0", shade: "#e6b08b", blush: "#f58c7c", lips: "#c9555c" },
  { base: "#ecb991", shade: "#d69c72", blush: "#e67d66", lips: "#b94a4f" },
  { base: "#d79a6c", shade: "#bd7f52", blush: "#d96b52", lips: "#a33f42" },
  { base: "#b97a4e", shade: "#9d6239", blush: "#c2593f", lips: "#8f3536" },
  { base: "#8f5a38", shade: "#764626", blush: "#a94a33", lips: "#74292b" },
  { base: "#6b4129", shade: "#55301c", blush: "#8f4030", lips: "#5a2022" },
];

const DARK_HAIR: readonly [Hair, ...Hair[]] = [
  { color: "#221c22", shine: "#3b333d" },
  { color: "#3a2620", shine: "#573a30" },
  { color: "#553726", shine: "#734d36" },
];

const ANY_HAIR: readonly [Hair, ...Hair[]] = [
  ...DARK_HAIR,
  { color: "#7a4a28", shine: "#99643b" },
  { color: "#b5562a", shine: "#d0733f" },
  { color: "#dba84f", shine: "#efc678" },
  { color: "#8d8f98", shine: "#adafb8" },
];

interface Hair {
  color: string;
  shine: string;
}

const SCHEMES: readonly [Scheme, ...Scheme[]] = [
  { wall: "#f3dcc6", shade: "#e5c5a6", light: "#fff3e4", accent: "#d9774f", wood: "#a9744f" },
  { wall: "#c9dfe6", shade: "#aecbd6", light: "#eef8fb", accent: "#2f7f95", wood: "#9a7a5c" },
  { wall: "#d8e4cf", shade: "#bfd1b3", light: "#f3f9ee", accent: "#5f8f55", wood: "#a58458" },
  { wall: "#dcd3ee", shade: "#c3b7df", light: "#f6f2fd", accent: "#7a5fc0", wood: "#8f7a9a" },
  { wall: "#f5d3d6", shade: "#e9b8bd", light: "#fff0f1", accent: "#c8546a", wood: "#b07d68" },
  { wall: "#f6e3a9", shade: "#e9cf86", light: "#fff8df", accent: "#d18a1f", wood: "#a8763c" },
  { wall: "#3f5a6e", shade: "#33495b", light: "#6d8ba1", accent: "#f0a95b", wood: "#2a3b49" },
  { wall: "#2f6460", shade: "#25524f", light: "#5b938d", accent: "#f2c66d", wood: "#1f4340" },
];

const CLOTHES_COLORS: readonly [string, ...string[]] = [
  "#2f4b7c",
  "#c8553d",
  "#3d8168",
  "#e0a030",
  "#7b4f9d",
  "#33414f",
  "#d8637c",
  "#4a90b8",
  "#8a9a5b",
  "#f1ece2",
];

/** The look of `seed`; only a voice below 170 Hz has a beard. */
export function look(seed: number, voiceHz: number): Look {
  const next = random(seed);
  const low = voiceHz < 170;
  const tone = Math.floor(next() * SKINS.length);
  const skin = SKINS[tone] ?? SKINS[0];
  const hair = pick(next, tone >= 3 ? DARK_HAIR : ANY_HAIR);
  const style: HairStyle = low
    ? pick(next, ["crop", "quiff", "curls", "shaved", "crop", "afro", "quiff"])
    : pick(next, ["bob", "long", "waves", "afro", "bun", "scarf", "long", "waves", "curls"]);
  const beard: Beard = low ? pick(next, ["none", "full", "stubble", "moustache", "none"]) : "none";
  const scheme = pick(next, SCHEMES);
  // Clothes as light as the wall would make the shoulders vanish.
  const color = pick(next, CLOTHES_COLORS.filter((candidate) => contrast(candidate, scheme.wall) > 0.22) as [string]);
  return {
    skin,
    hair: { style, ...(style === "scarf" ? { color: scheme.accent, shine: scheme.light } : hair) },
    beard,
    brow: hair.color,
    iris: pick(next, tone >= 3 ? ["#2b1b14", "#3a2418"] : ["#2b1b14", "#3f6d8c", "#4d7355", "#5b3a22"]),
    glasses: pick(next, ["none", "none", "round", "none", "square"]),
    extra:
      style === "scarf"
        ? "none"
        : pick(next, low ? ["none", "headphones", "none"] : ["none", "earrings", "headphones", "earrings"]),
    freckles: tone < 2 && next() < 0.4,
    faceWidth: low ? 55 + next() * 4 : 50 + next() * 4,
    clothes: {
      style: pick(next, ["tee", "shirt", "hoodie", "turtleneck", "blazer"]),
      color,
      inner: pick(next, ["#ffffff", "#f4efe6", "#dfe8f1"]),
    },
    backdrop: pick(next, ["shelf", "window", "plant", "arches", "lamp", "pinboard"]),
    scheme,
    phase: next() * 1000,
  };
}

/** Difference in lightness of two `#rrggbb` colours, 0 to 1. */
function contrast(a: string, b: string): number {
  return Math.abs(lightness(a) - lightness(b));
}

function lightness(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255) as [
    number,
    number,
    number,
  ];
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}
