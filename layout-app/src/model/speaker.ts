/**
 * Who is shown as the active speaker.
 *
 * ```text
 * nobody ──heard──▶ A ──silence for SILENCE_MS──▶ A, silent ──B heard──▶ B
 *                   A ──B the loudest for SETTLE_MS, A quiet────────────▶ B
 *                   A ──B the loudest for OVERLAP_MS, A still talking───▶ B
 * ```
 *
 * Nobody gives way before having been shown for HOLD_MS: a picture that jumps is worse than one that is a second late.
 */

/** Shortest time somebody is shown as the speaker. */
export const HOLD_MS = 1500;
/** How long another must be heard before the picture follows: longer than a "mhm". */
export const SETTLE_MS = 500;
/** How long another must be the loudest while the speaker goes on talking. */
export const OVERLAP_MS = 2000;
/** After that long without a voice nobody speaks, though the last speaker stays in the picture. */
export const SILENCE_MS = 2000;

export interface Speaker {
  readonly identity: string | null;
  /** When this identity became the speaker. */
  readonly since: number;
  /** When this identity was last known to fall silent; of no meaning while it is heard. */
  readonly heardAt: number;
  readonly silent: boolean;
  /** Somebody else who is the loudest, and since when. */
  readonly challenger: { readonly identity: string; readonly since: number } | null;
}

export const NOBODY: Speaker = { identity: null, since: 0, heardAt: 0, silent: true, challenger: null };

/** The speaker at `now`, when `heard` (loudest first) are heard. Returns the same object when nothing changed. */
export function settle(speaker: Speaker, heard: readonly string[], now: number): Speaker {
  const loudest = heard[0];
  if (loudest === undefined) {
    const silent = speaker.silent || now - speaker.heardAt >= SILENCE_MS;
    if (silent === speaker.silent && speaker.challenger === null) return speaker;
    return { ...speaker, silent, challenger: null };
  }
  if (speaker.identity === null || (speaker.silent && loudest !== speaker.identity)) return taking(loudest, now);

  const talking = heard.includes(speaker.identity);
  const kept: Speaker = talking && speaker.silent ? { ...speaker, silent: false } : speaker;
  if (loudest === speaker.identity) return kept.challenger === null ? kept : { ...kept, challenger: null };

  const known = kept.challenger?.identity === loudest;
  const challenger = known && kept.challenger ? kept.challenger : { identity: loudest, since: now };
  const patience = talking ? OVERLAP_MS : SETTLE_MS;
  if (now >= Math.max(challenger.since + patience, kept.since + HOLD_MS)) return taking(loudest, now);
  return known ? kept : { ...kept, challenger };
}

/** When `settle` may come to another result with the same voices; null for never. */
export function speakerWake(speaker: Speaker, heard: readonly string[]): number | null {
  if (heard.length === 0) return speaker.silent ? null : speaker.heardAt + SILENCE_MS;
  if (!speaker.challenger || speaker.identity === null) return null;
  const patience = heard.includes(speaker.identity) ? OVERLAP_MS : SETTLE_MS;
  return Math.max(speaker.challenger.since + patience, speaker.since + HOLD_MS);
}

function taking(identity: string, now: number): Speaker {
  return { identity, since: now, heardAt: now, silent: false, challenger: null };
}
