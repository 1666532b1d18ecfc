/** Which pictures the bridge is to send, and how large. */

/** Heights that senders have: each layer of a simulcast is half as high as the next. */
const LAYERS = [180, 360, 720, 1080, 2160] as const;
/** A picture may be drawn that much larger than it is before the next layer, four times the work, is worth it. */
const STRETCH = 1.25;
/** Of what has just come and has no tile yet. */
const LEAST = LAYERS[0];

export interface Shown {
  /** The name of the source, or of its owner where sources have none. */
  readonly source: string;
  readonly isScreen: boolean;
  /** Height of its tile in pixels of the frame; 0 for what has none. */
  readonly height: number;
}

/** The layer for a tile of this height. Small print on a screen is never stretched. */
export function layerFor(height: number, isScreen: boolean): number {
  if (height <= 0) return 0;
  const enough = isScreen ? height : height / STRETCH;
  return LAYERS.find((layer) => layer >= enough) ?? LAYERS[LAYERS.length - 1] ?? LEAST;
}

/** What the lib's `setReceiverConstraints` takes. What is on no tile is not sent. */
export function constraintsFor(shown: readonly Shown[]): ReceiverConstraints {
  const constraints: Record<string, { maxHeight: number }> = {};
  for (const { source, isScreen, height } of shown) {
    const maxHeight = Math.max(layerFor(height, isScreen), constraints[source]?.maxHeight ?? 0);
    constraints[source] = { maxHeight };
  }
  return { lastN: -1, defaultConstraints: { maxHeight: LEAST }, constraints };
}

export interface ReceiverConstraints {
  readonly lastN: number;
  readonly defaultConstraints: { readonly maxHeight: number };
  readonly constraints: Readonly<Record<string, { readonly maxHeight: number }>>;
}
