/** What a theme shows for some time only. Durations are in seconds. */
export interface Scheduled {
  readonly intro: { readonly seconds: number } | null;
  /** 0 seconds are for ever. */
  readonly lower_third: { readonly after: number; readonly seconds: number } | null;
}

export interface Programme {
  readonly intro: boolean;
  readonly lowerThird: boolean;
  /** When one of them changes; null for never. */
  readonly next: number | null;
}

/** A lower third that was asked for while recording: its times count from `since`. */
export interface Caption {
  readonly lower_third: NonNullable<Scheduled["lower_third"]>;
  readonly since: number;
}

/**
 * What is to be seen at `now`, when the page was ready at `readyAt` (null: not yet). The intro covers the page from before it is
 * ready, so that nothing of what it covers is recorded; the time of the lower third begins after it. `caption` takes its place.
 */
export function programme(
  { intro, lower_third: scheduled }: Scheduled,
  readyAt: number | null,
  now: number,
  caption: Caption | null = null,
): Programme {
  if (readyAt === null) return { intro: intro !== null, lowerThird: false, next: null };
  const begin = readyAt + (intro?.seconds ?? 0) * 1000;
  const lower_third = caption ? caption.lower_third : scheduled;
  const from = caption ? caption.since : begin;
  const comes = lower_third === null ? Infinity : from + lower_third.after * 1000;
  const goes = lower_third === null || lower_third.seconds === 0 ? Infinity : comes + lower_third.seconds * 1000;
  const next = Math.min(...[begin, comes, goes].filter((time) => time > now));
  return { intro: now < begin, lowerThird: now >= comes && now < goes, next: Number.isFinite(next) ? next : null };
}
