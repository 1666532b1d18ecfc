/** A stretch of time with something to say. */
export interface Cue {
  /** Seconds. */
  readonly from: number;
  /** Seconds. */
  readonly to: number;
  /** Who says it; empty when nobody does. */
  readonly voice: string;
  readonly text: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  lrm: "\u200e",
  rlm: "\u200f",
  nbsp: " ",
};
/** A recording of a week with a line a second; what is beyond is somebody's mistake. */
const MOST_CUES = 700_000;

/** The cues of a WebVTT file, in its order. What can't be read is left out. */
export function parseVtt(file: string): Cue[] {
  const cues: Cue[] = [];
  for (const block of file.replace(/\r\n?/g, "\n").split(/\n{2,}/)) {
    const lines = block.split("\n");
    const at = lines.findIndex((line) => line.includes("-->"));
    if (at < 0 || cues.length >= MOST_CUES) continue;
    const [from, to] = (lines[at] ?? "").split("-->").map((side) => seconds(side.trim().split(/\s/)[0] ?? ""));
    if (from === undefined || to === undefined || Number.isNaN(from) || Number.isNaN(to)) continue;
    const said = lines.slice(at + 1).join("\n");
    const [, voice = "", rest = said] = /^<v(?:\.[^\s>]*)?\s+([^>]*)>([^]*)$/.exec(said) ?? [];
    cues.push({ from, to, voice: plain(voice), text: plain(rest) });
  }
  return cues;
}

/** `01:02:03.456`, or without the hours. */
function seconds(time: string): number {
  const [, hours = "0", minutes, rest] = /^(?:(\d+):)?(\d\d):(\d\d(?:\.\d+)?)$/.exec(time) ?? [];
  return minutes === undefined || rest === undefined ? NaN : Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
}

/** Without tags and entities. */
function plain(text: string): string {
  return text
    .replace(/<[^>]*>/g, "")
    .replace(/&(\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole)
    .trim();
}

/** Index of the last cue that has begun; -1 before the first. Cues are in the order of their beginnings. */
export function lastBegun(cues: readonly Cue[], time: number): number {
  let [low, high] = [0, cues.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cues[middle]?.from ?? Infinity) <= time + 0.001) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
