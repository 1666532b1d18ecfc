import type { Inset } from "./layouts";
import { captioned, captionOf, gapOf, mainPersonOf, personAt, shapeOf, shareAt, stageArea } from "./placing";
import type { Rect } from "./rect";
import { clamp, fitWithin } from "./rect";
import type { Arrangement, Placement, Scene } from "./scene";
import { seat } from "./seating";

/**
 * The frame for one: no margin, no strip. A share takes it, for it is what the speaker speaks of; then the speaker stands in the
 * corner, else whoever was the speaker before.
 */
export function alone(scene: Scene, previous: readonly string[], corner: Inset | null): Arrangement {
  const whole = { x: 0, y: 0, ...scene.viewport };
  const { top, bottom } = scene.bands;
  const free = { ...whole, y: top, height: Math.max(1, whole.height - top - bottom) };
  const main = mainPersonOf(scene);
  const large = scene.shares[0] ? shareAlone(scene) : main && personAt(main, whole, true);
  if (!large) return { placements: [], seats: previous, pages: 1, focus: whole };

  const guests = scene.shares[0] ? (main ? [main] : []) : scene.people.filter((person) => person !== main);
  const seats = corner && !scene.shares[0] ? seat(previous, guests, 1) : previous;
  const second = scene.shares[0] ? main : guests.find(({ identity }) => identity === seats[0]);
  if (!corner || !second) return { placements: [large], seats, pages: 1, focus: free };

  const rect = insetRect(scene, corner);
  const placements = [besideInset(large, rect, scene), personAt(second, rect, false, true)];
  // Chat stands over the inset, not on it.
  return { placements, seats, pages: 1, focus: { ...free, height: Math.max(1, rect.y - top) } };
}

/** Title and logo may stand on a person's ceiling, but not on a share. */
function shareAlone(scene: Scene): Placement | undefined {
  const [share] = scene.shares;
  if (!share) return undefined;
  if (scene.bands.top + scene.bands.bottom > 0) return captioned(share, stageArea(scene), captionOf(scene.viewport));
  return shareAt(share, { x: 0, y: 0, ...scene.viewport }, true);
}

function insetRect(scene: Scene, { width: part, shape }: Inset): Rect {
  const { width, height } = scene.viewport;
  const margin = 2 * gapOf(scene.viewport, scene.gap);
  const floor = height - (scene.bands.bottom || margin);
  const size = {
    width: Math.round(clamp(width * part, 1, width - 2 * margin)),
    height: Math.round(clamp((width * part) / shape, 1, floor / 2)),
  };
  return { x: width - margin - size.width, y: floor - size.height, ...size };
}

/** A share that is narrower than the frame moves aside, as far as it needs to not to be covered. */
function besideInset(large: Placement, corner: Rect, scene: Scene): Placement {
  const [share] = scene.shares;
  if (large.kind !== "share" || !share || !large.bleed) return large;
  const shown = fitWithin(large.rect, shapeOf(share), shapeOf(share));
  const wanted = corner.x - gapOf(scene.viewport, scene.gap) - shown.width;
  const x = clamp(wanted, 0, shown.x);
  return { ...large, rect: { ...shown, x } };
}
