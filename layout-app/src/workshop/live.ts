import type { PageConfig } from "../contract";

/**
 * Whether a page that shows the one can show the other without being loaded anew: the way by which a running recording is changed. What
 * counts from the beginning, intro, outro and a lower third that comes and goes, is seen only from the beginning.
 */
export function isLive(shown: PageConfig, wanted: PageConfig): boolean {
  return same(fromTheBeginning(shown), fromTheBeginning(wanted));
}

function fromTheBeginning({ size, fps, theme }: PageConfig): unknown {
  const { intro, outro, lower_third } = theme.overlays;
  return [size, fps, intro, outro, lower_third];
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
