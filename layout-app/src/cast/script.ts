import type { CastCue, CastMember, CastScript } from "../contract/cast";

/** Whether member `index` speaks `ms` after the start. The twin of `CastConfig::speaker_at`. */
export function speaks(script: CastScript, members: readonly CastMember[], index: number, ms: number): boolean {
  const { speech } = script;
  if (!members[index]?.mic || ms < 0 || speech.kind === "never") return false;
  if (speech.kind === "always") return true;
  const speakers = members.flatMap((member, i) => (member.mic ? [i] : []));
  return speakers[Math.floor(ms / Math.max(1, speech.turn_ms)) % speakers.length] === index;
}

/** What is being said at a time: the words so far of the line whose turn it is. */
export interface Said {
  readonly member: number;
  /** The number of the turn. */
  readonly turn: number;
  readonly text: string;
  readonly last: boolean;
}

/** The part of a turn in which its line is spoken; then comes a breath. */
const SPOKEN = 0.85;

/** What is said `ms` after the start; null where nobody has a turn, or nothing to say. */
export function saidAt(script: CastScript, members: readonly CastMember[], ms: number): Said | null {
  const { speech, lines } = script;
  if (speech.kind !== "turns" || ms < 0 || lines.length === 0) return null;
  const member = members.findIndex((_, index) => speaks(script, members, index, ms));
  const length = Math.max(1, speech.turn_ms);
  const turn = Math.floor(ms / length);
  const words = (lines[turn % lines.length] ?? "").split(" ");
  const said = Math.ceil((((ms % length) + 1) / length / SPOKEN) * words.length);
  return member < 0 ? null : { member, turn, text: words.slice(0, said).join(" "), last: said >= words.length };
}

/** The cues after `from` up to and with `to` (milliseconds since the start); in each repeat the next member has the part. */
export function cuesBetween(script: CastScript, members: number, from: number, to: number): CastCue[] {
  const within = (start: number, round: number) =>
    script.cues.flatMap((cue) => {
      const at = start + cue.at_ms;
      return at > from && at <= to ? [{ ...cue, member: (cue.member + round) % Math.max(1, members) }] : [];
    });
  const period = script.repeat_ms;
  if (!period) return within(0, 0);
  const found: CastCue[] = [];
  for (let round = Math.max(0, Math.floor(from / period)); round * period <= to; round++) {
    found.push(...within(round * period, round));
  }
  return found;
}
