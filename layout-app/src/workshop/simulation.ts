import type { Scene, SceneNames } from "../contract";

/** What the controls of the room say; a scene says the same for each person. */
export interface Simulation {
  people: number;
  names: SceneNames;
  /** From 0; null for silence. */
  speaker: number | null;
  /** How many cameras are off. */
  off: number;
  /** Some cameras are those of phones. */
  phones: boolean;
  muted: "nobody" | "some" | "everybody";
  hands: number;
  sharing: boolean;
  chat: boolean;
  reactions: boolean;
  captions: boolean;
  network: "good" | "somebody" | "recorder";
  restless: boolean;
  /** The theme's intro is shown at the beginning, as in a recording. */
  intro: boolean;
  /** Whoever speaks is heard. */
  sound: boolean;
}

export const USUAL: Simulation = {
  people: 4,
  names: "plain",
  speaker: 0,
  off: 0,
  phones: false,
  muted: "some",
  hands: 0,
  sharing: false,
  chat: true,
  reactions: false,
  captions: false,
  network: "good",
  restless: false,
  intro: false,
  sound: false,
};

/** The room as the page gets it. */
export function sceneOf(simulation: Simulation): Scene {
  const { people, names, speaker, off, phones, muted, hands, sharing, chat, reactions, captions, network } = simulation;
  const { restless, sound } = simulation;
  const everybody = Array.from({ length: people }, (_, at) => at);
  const others = everybody.filter((at) => at !== speaker);
  return {
    people,
    names,
    speaker: speaker !== null && speaker < people ? speaker : null,
    // Spread over the frame, so that it can be seen how both kinds of tiles go together.
    off: spread(others.length > 0 ? [...others, ...everybody.filter((at) => at === speaker)] : everybody, off),
    tall: phones ? everybody.filter((at) => at % 2 === 0) : [],
    classic: [],
    muted: muted === "nobody" ? [] : muted === "everybody" ? everybody : everybody.filter((at) => at % 3 !== 0),
    hands: others.slice(0, hands),
    lost: network === "somebody" ? others.slice(0, 1) : [],
    shares: sharing && people > 0 ? [speaker ?? 0] : [],
    chat: chat ? 2 : 0,
    reactions: reactions ? 2 : 0,
    strangers: false,
    captions,
    lively: true,
    reconnecting: network === "recorder",
    restless,
    sound,
    over: false,
    still: false,
    fps: people > 16 ? 8 : 15,
  };
}

/** `count` of them, as far from each other as can be; whoever comes last is the last to be taken. */
function spread(all: readonly number[], count: number): number[] {
  if (count >= all.length) return [...all];
  const [candidates, wanted] = [all.slice(0, -1), Math.max(0, count)];
  if (wanted >= candidates.length) return [...candidates];
  return Array.from(
    { length: wanted },
    (_, at) => candidates[Math.floor(((at + 0.5) * candidates.length) / wanted)] ?? 0,
  );
}
