import type { CastCue, CastMember, CastScript } from "../contract/cast";

/** Whether member `index` speaks `ms` after the start. The twin of `CastConfig::speaker_at`. */
export function speaks(script: CastScript, members: readonly CastMember[], index: number, ms: number): boolean {
  const { speech } = script;
  if (!members[index]?.mic || ms < 0 || speech.kind === "never") return false;
  if (speech.kind === "always") return true;
  const speakers = members.flatMap((member, i) => (member.mic ? [i] : []));
  return speakers[Math.floor(ms / Math.max(1, speech.turn_ms)) % speakers.length] === index;
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
