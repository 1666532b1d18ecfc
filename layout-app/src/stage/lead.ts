import { COLUMN, inBand, inColumn } from "./chat";
import { safeShapes } from "./crop";
import { gridCapacity, gridRects, shapeFor } from "./grid";
import type { Plan, Strip } from "./layouts";
import { captioned, captionOf, gapOf, mainPersonOf, moreAt, personAt, shapeOf, shareAt, stageArea } from "./placing";
import type { Rect } from "./rect";
import { around, clamp, fitWithin, frameKind, moved } from "./rect";
import type { Arrangement, Person, Placement, Scene, Share } from "./scene";
import { pageOf } from "./tiles";

type Lead = Extract<Plan, { kind: "lead" }>;

/** What is large: its shapes, what stands under it, and how it is placed in an area. */
interface Main {
  readonly least: number;
  readonly most: number;
  readonly caption: number;
  at(area: Rect): Placement;
}

/** Without a picture an avatar takes what there is. */
const AVATAR_SHAPES = [3 / 4, 1.9] as const;
/** A wider tile, or a narrower one, of one person would look like a slit. */
const PERSON_SHAPES = { least: 0.6, most: 1.9 } as const;

/** Part of a column of faces that chat takes. */
const UNDER_FACES = 0.36;

interface Split {
  readonly strip: Strip;
  readonly mainArea: Rect;
  readonly stripArea: Rect;
}

/** The share, or the speaker, and the others in the strip that leaves it the most room. */
export function lead(scene: Scene, previous: readonly string[], plan: Lead): Arrangement {
  const gap = gapOf(scene.viewport, scene.gap);
  const [share, ...otherShares] = scene.shares;
  // Chat may stand on a speaker's picture, but neither on a share nor on the faces beside it.
  const apart = scene.chat === true && share !== undefined;
  const wide = frameKind(scene.viewport) === "landscape";
  const below = apart && !wide ? inBand(stageArea(scene), gap) : null;
  const area = below?.rest ?? stageArea(scene);
  const person = mainPersonOf(scene);
  const main = share ? leadingShare(share, captionOf(scene.viewport)) : person && leadingPerson(person);
  if (!main) return { placements: [], seats: [], pages: 1, focus: area };

  const guests = guestsOf(scene, plan, share ? undefined : person);
  const count = guests.length + otherShares.length;
  if (count === 0) {
    const placement = main.at(area);
    const focus = share ? area : placement.rect;
    return { placements: [placement], seats: [], pages: 1, focus, ...(below && { chat: below.chat }) };
  }

  const best = bestSplit(main, area, gap, plan.strips, count);
  const beside = apart && wide ? withChat(best, main, area, gap) : null;
  const { mainArea, stripArea, strip } = beside ?? best;
  const shape = shapeFor(scene.people, strip.shapes);
  const capacity = Math.min(strip.seats, Math.max(1, gridCapacity(stripArea, gap, shape)));
  const shares = plan.counted ? otherShares.slice(0, Math.max(0, capacity - 1)) : [];
  const { people, seats, ...page } = pageOf(scene, guests, previous, capacity - shares.length, plan.counted);
  const rects = gridRects(shares.length + page.slots, stripArea, gap, shape);

  const placement = main.at(mainArea);
  // Chat is as wide as the column, and as high as the row.
  const taken = around(beside && strip.side === "right" ? [...rects, beside.chat] : rects);
  const drift = together(placement.rect, taken, area, gap, strip.side);
  const along = (rect: Rect, by: number) => (strip.side === "right" ? moved(rect, by, 0) : moved(rect, 0, by));
  const small = [
    ...shares.map((each) => (rect: Rect) => shareAt(each, rect)),
    ...people.map((each) => (rect: Rect) => personAt(each, rect)),
    ...(page.count > 0 ? [(rect: Rect) => moreAt(page.count, rect)] : []),
  ].flatMap((placed, at) => {
    const rect = rects[at];
    return rect ? [placed(along(rect, drift.strip))] : [];
  });
  const centre = { ...placement, rect: along(placement.rect, drift.main) };
  const focus = !share ? centre.rect : strip.side === "right" ? mainArea : area;
  const chat =
    below?.chat ??
    (beside &&
      taken &&
      along(strip.side === "right" ? beside.chat : { ...beside.chat, y: taken.y, height: taken.height }, drift.strip));
  return { placements: [centre, ...small], seats, pages: page.pages, focus, ...(chat && { chat }) };
}

/** Who may sit in the strip. A single seat is the speaker's, who is held there as in the large tile. */
function guestsOf(scene: Scene, { strips, counted }: Lead, main: Person | undefined): readonly Person[] {
  const seats = Math.max(...strips.map((strip) => strip.seats));
  const others = scene.people.filter((person) => person !== main);
  if (counted || seats > 1) return others;
  const speaker = mainPersonOf({ ...scene, people: others });
  return speaker ? [speaker] : [];
}

function leadingShare(share: Share, caption: number): Main {
  const shape = shapeOf(share);
  return { least: shape, most: shape, caption, at: (area) => captioned(share, area, caption) };
}

function leadingPerson(person: Person): Main {
  const [narrow, wide] = person.shape === null ? AVATAR_SHAPES : safeShapes(person.shape);
  const least = Math.max(narrow, Math.min(PERSON_SHAPES.least, wide));
  const most = Math.max(least, Math.min(wide, PERSON_SHAPES.most));
  return { least, most, caption: 0, at: (area) => personAt(person, fitWithin(area, least, most)) };
}

/** Of the strips that seat everybody, or else of those that seat most, the one that leaves the main tile the largest. */
function bestSplit(main: Main, area: Rect, gap: number, strips: readonly Strip[], count: number): Split {
  const enough = strips.filter(({ seats }) => seats >= count);
  const seats = Math.max(...strips.map((strip) => strip.seats));
  const candidates = enough.length > 0 ? enough : strips.filter((strip) => strip.seats === seats);
  const splits = candidates.map((strip) => ({ strip, ...split(main, area, gap, strip) }));
  const size = (at: (typeof splits)[number]) => areaOf(main.at(at.mainArea).rect);
  const [first, ...others] = splits;
  if (!first) throw new Error("a plan of this kind has at least one strip");
  return others.reduce((best, each) => (size(each) > size(best) ? each : best), first);
}

/** The strip takes what the main tile, at the full breadth of the area, leaves of its length. */
function split({ least, most, caption }: Main, area: Rect, gap: number, strip: Strip) {
  if (strip.side === "right") {
    const left = area.width - gap - (area.height - caption) * most;
    const width = Math.round(clamp(left, strip.least * area.width, strip.most * area.width));
    return {
      mainArea: { ...area, width: Math.max(1, area.width - width - gap) },
      stripArea: { ...area, x: area.x + area.width - width, width },
    };
  }
  const left = area.height - gap - caption - area.width / least;
  const height = Math.round(clamp(left, strip.least * area.height, strip.most * area.height));
  return {
    mainArea: { ...area, height: Math.max(1, area.height - height - gap) },
    stripArea: { ...area, y: area.y + area.height - height, height },
  };
}

/** The same strip with chat in it: at the end of a row of faces, or below them in a column that is wide enough for a line. */
function withChat({ strip, ...chosen }: Split, main: Main, area: Rect, gap: number): Split & { readonly chat: Rect } {
  if (strip.side === "bottom") {
    const { rest, chat } = inColumn(chosen.stripArea, gap);
    return { strip, mainArea: chosen.mainArea, stripArea: rest, chat };
  }
  const [least, most] = [Math.max(strip.least, COLUMN), Math.max(strip.most, COLUMN)];
  const { mainArea, stripArea } = split(main, area, gap, { ...strip, least, most });
  const { rest, chat } = inBand(stripArea, gap, UNDER_FACES);
  return { strip, mainArea, stripArea: rest, chat };
}

/** Main tile and strip a gap apart, and both in the middle: how far each of them moves along the side. */
function together(main: Rect, strip: Rect | null, area: Rect, gap: number, side: Strip["side"]) {
  if (!strip) return { main: 0, strip: 0 };
  const [from, length] = side === "right" ? (["x", "width"] as const) : (["y", "height"] as const);
  const start = area[from] + Math.floor((area[length] - main[length] - gap - strip[length]) / 2);
  return { main: start - main[from], strip: start + main[length] + gap - strip[from] };
}

function areaOf({ width, height }: Rect): number {
  return width * height;
}
