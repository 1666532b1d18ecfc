/** How pages are turned, of the theme's tiles. */
export interface Turning {
  /** 0 for never. */
  readonly page_seconds: number;
}

/** The page to show at `now`, when there has been more than one since `since` (null: there is one only). Counts up without end. */
export function pageAt(since: number | null, { page_seconds }: Turning, now: number): number {
  return since === null || page_seconds === 0 ? 0 : Math.max(0, Math.floor((now - since) / (page_seconds * 1000)));
}

/** When the next page is due; null for never. */
export function nextTurn(since: number | null, turning: Turning, now: number): number | null {
  if (since === null || turning.page_seconds === 0) return null;
  return since + (pageAt(since, turning, now) + 1) * turning.page_seconds * 1000;
}
