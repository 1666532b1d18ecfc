/** Below that a level is a room, not a voice: about -40 dBFS. */
const AUDIBLE = 0.01;
/** A voice that pauses between words is still a voice. */
const LINGER_MS = 450;
/** Part of the level that is new in each sample. */
const QUICKNESS = 0.5;

/** Who is heard, from the levels that receivers report. */
export class Voices {
  readonly #voices = new Map<string, { level: number; heardAt: number }>();

  /** The smooth level of the last sample, 0 to 1. */
  levelOf(id: string): number {
    return Math.min(1, this.#voices.get(id)?.level ?? 0);
  }

  /** Who is heard at `now`, loudest first. */
  heard(levels: readonly (readonly [id: string, level: number])[], now: number): string[] {
    for (const [id, level] of levels) {
      const before = this.#voices.get(id) ?? { level: 0, heardAt: -Infinity };
      const smooth = before.level + QUICKNESS * (level - before.level);
      this.#voices.set(id, { level: smooth, heardAt: smooth >= AUDIBLE ? now : before.heardAt });
    }
    return [...this.#voices]
      .filter(([, { heardAt }]) => now - heardAt < LINGER_MS)
      .sort(([, one], [, other]) => other.level - one.level)
      .map(([id]) => id);
  }

  forget(id: string): void {
    this.#voices.delete(id);
  }
}
