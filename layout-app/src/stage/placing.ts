import { pictureIn } from "./crop";
import type { Rect, Size } from "./rect";
import { clamp, fitWithin, inset } from "./rect";
import type { Person, Placement, Scene, Share } from "./scene";

/** Before its first frame a share is taken for a common screen. */
const SHARE_SHAPE = 16 / 9;

/** What the theme says unless it says otherwise: `Tiles::default()` of `orchestrator/domain/src/theme.rs`. */
export const USUAL_GAP = 10;

/** Distance between tiles, and from tiles to the edge of the frame, for a gap given for a frame of 720 lines. */
export function gapOf({ width, height }: Size, gap = USUAL_GAP): number {
  const shorter = Math.min(width, height);
  return clamp(Math.round((shorter / 720) * gap), gap > 0 ? 2 : 0, Math.floor(shorter / 12));
}

/** The part of the frame that is for tiles. */
export function stageArea({ viewport, bands, gap, margin: wanted }: Scene): Rect {
  const margin = gapOf(viewport, wanted ?? gap);
  const whole = inset({ x: 0, y: 0, ...viewport }, margin);
  const [top, bottom] = [bands.top || margin, bands.bottom || margin];
  return { ...whole, y: top, height: Math.max(1, viewport.height - top - bottom) };
}

/** The speaker; before anybody spoke, or when the speaker left, the first one with a picture. */
export function mainPersonOf({ people, speaker }: Scene): Person | undefined {
  return people.find(({ identity }) => identity === speaker) ?? people.find(({ shape }) => shape !== null) ?? people[0];
}

export function personAt(person: Person, rect: Rect, bleed = false, above = false): Placement {
  const { identity, shape } = person;
  return { key: `person ${identity}`, kind: "person", identity, rect, bleed, above, picture: pictureIn(shape, rect) };
}

export function voiceAt({ identity }: Person, rect: Rect): Placement {
  return { key: `voice ${identity}`, kind: "voice", identity, rect, bleed: false };
}

export function moreAt(count: number, rect: Rect): Placement {
  return { key: "more", kind: "more", rect, bleed: false, count };
}

export function shareAt({ identity }: Share, rect: Rect, bleed = false, caption = 0): Placement {
  return { key: `share ${identity}`, kind: "share", identity, rect, bleed, caption };
}

export function shapeOf({ shape }: Share): number {
  return shape ?? SHARE_SHAPE;
}

/** A share at its own shape, with its caption below, both in the middle of the area. */
export function captioned(share: Share, area: Rect, caption: number): Placement {
  const shape = shapeOf(share);
  const screen = fitWithin({ ...area, height: Math.max(1, area.height - caption) }, shape, shape);
  return shareAt(share, { ...screen, height: screen.height + caption }, false, caption);
}

/** Height of the line under a share. */
export function captionOf({ width, height }: Size): number {
  return Math.round(Math.min(width, height) / 22);
}
