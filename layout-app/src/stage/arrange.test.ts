import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LAYOUTS } from "../contract";
import { arrange } from "./arrange";
import { pictureIn } from "./crop";
import { MOST_TILES } from "./grid";
import { gapOf } from "./placing";
import type { Rect } from "./rect";
import type { Arrangement, Person, Placement, Scene } from "./scene";

const WIDE = 16 / 9;
const FRAMES = {
  landscape: { width: 1280, height: 720 },
  portrait: { width: 720, height: 1280 },
  square: { width: 720, height: 720 },
} as const;

function person(identity: string, shape: number | null = WIDE): Person {
  return { identity, shape, spokeAt: null };
}

function people(count: number, shape: number | null = WIDE): Person[] {
  return Array.from({ length: count }, (_, at) => person(at < 26 ? String.fromCharCode(97 + at) : `p${at}`, shape));
}

function scene(fields: Partial<Scene> & { count?: number }): Scene {
  const { count = 4, ...rest } = fields;
  return {
    layout: "grid",
    viewport: FRAMES.landscape,
    people: people(count),
    shares: [],
    speaker: null,
    bands: { top: 0, bottom: 0 },
    gap: 10,
    page: 0,
    ...rest,
  };
}

const keys = ({ placements }: Arrangement) => placements.map(({ key }) => key);
const right = ({ x, width }: Rect) => x + width;
const bottom = ({ y, height }: Rect) => y + height;

/** Space between two rectangles; negative when they overlap. */
function distance(one: Rect, other: Rect): number {
  return Math.max(one.x - right(other), other.x - right(one), one.y - bottom(other), other.y - bottom(one));
}

const above = (placement: Placement) => placement.kind === "person" && placement.above;

describe("chat", () => {
  const place = (fields: Parameters<typeof scene>[0]) => arrange(scene({ chat: true, ...fields }), []).chat;

  test.each([
    ["landscape", { x: 993, y: 10, width: 277, height: 700 }],
    ["portrait", { x: 10, y: 1043, width: 700, height: 227 }],
    ["square", { x: 10, y: 584, width: 700, height: 126 }],
  ] as const)("has a place beside the tiles of a crowd in a %s frame", (frame, expected) => {
    expect(place({ viewport: FRAMES[frame], count: 3 })).toEqual(expected);
    expect(place({ viewport: FRAMES[frame], count: 40 })).toEqual(expected);
    expect(place({ viewport: FRAMES[frame], count: 9, layout: "podcast" })).toEqual(expected);
  });

  test("stands over the picture where people are large", () => {
    expect(place({ count: 2 })).toBeUndefined();
    expect(place({ count: 9, layout: "speaker" })).toBeUndefined();
    expect(place({ count: 9, layout: "interview" })).toBeUndefined();
    expect(place({ count: 9, layout: "pip", viewport: FRAMES.portrait })).toBeUndefined();
  });

  test("has a place of its own where a screen is shared, with the faces", () => {
    const shares = [{ identity: "a", shape: WIDE }];
    const below = (frame: keyof typeof FRAMES, shape = WIDE) =>
      place({ viewport: FRAMES[frame], layout: "screen", count: 5, shares: [{ identity: "a", shape }] });
    expect(below("portrait")).toEqual({ x: 10, y: 1043, width: 700, height: 227 });
    expect(below("square")).toEqual({ x: 10, y: 584, width: 700, height: 126 });
    expect(place({ viewport: FRAMES.portrait, layout: "pip", count: 5, shares })).toBeDefined();
    expect(below("landscape"), "under the column of faces").toEqual({ x: 993, y: 458, width: 277, height: 252 });
    expect(below("landscape", 21 / 9), "at the end of the row of faces").toMatchObject({ x: 993, width: 277 });
  });

  test("takes no place while nobody writes", () => {
    expect(place({ count: 9, chat: false })).toBeUndefined();
    expect(arrange(scene({ count: 9 }), []).chat).toBeUndefined();
  });
});

describe("whatever the room and the frame", () => {
  const side = fc.integer({ min: 128, max: 2160 });
  const camera = fc.constantFrom(WIDE, WIDE, WIDE, 4 / 3, 9 / 16, 1, null);
  const room = fc
    .record({
      layout: fc.constantFrom(...LAYOUTS),
      viewport: fc.oneof(
        fc.constantFrom(FRAMES.landscape, FRAMES.portrait, FRAMES.square),
        fc.record({ width: side, height: side }),
      ),
      cameras: fc.array(camera, { maxLength: 70 }),
      shared: fc.array(fc.tuple(fc.nat(), fc.constantFrom(WIDE, 4 / 3, 21 / 9, 9 / 16, null)), { maxLength: 3 }),
      speaker: fc.nat(),
      bands: fc.record({ top: fc.constantFrom(0, 9), bottom: fc.constantFrom(0, 9) }),
      gap: fc.integer({ min: 0, max: 48 }),
      chat: fc.boolean(),
      page: fc.nat(12),
    })
    .map(({ cameras, shared, speaker, ...rest }): Scene => {
      const present = cameras.map((shape, at) => ({ ...person(`p${at}`, shape), spokeAt: (at * 37) % 11 }));
      const owner = (at: number) => present[at % present.length]?.identity;
      const owners = new Map(shared.map(([at, shape]) => [owner(at), shape]));
      const shares = [...owners].flatMap(([identity, shape]) => (identity === undefined ? [] : [{ identity, shape }]));
      return { ...rest, people: present, shares, speaker: owner(speaker) ?? null };
    });
  const always = (look: (scene: Scene, arrangement: Arrangement) => void) =>
    fc.assert(
      fc.property(room, (given) => look(given, arrange(given, []))),
      { numRuns: 400 },
    );

  test("tiles are inside the frame and free of the band", () => {
    always(({ viewport, bands }, { placements }) => {
      for (const { rect, bleed } of placements) {
        const { top, bottom: floor } = bleed ? { top: 0, bottom: 0 } : bands;
        expect(rect.width).toBeGreaterThan(0);
        expect(rect.height).toBeGreaterThan(0);
        expect(rect.x).toBeGreaterThanOrEqual(0);
        expect(rect.y).toBeGreaterThanOrEqual(top);
        expect(right(rect)).toBeLessThanOrEqual(viewport.width);
        expect(bottom(rect)).toBeLessThanOrEqual(viewport.height - floor);
      }
    });
  });

  test("tiles are a gap apart, but for the one that stands on another", () => {
    always(({ viewport, gap }, { placements }) => {
      const flat = placements.filter((placement) => !above(placement));
      for (const [at, one] of flat.entries()) {
        for (const other of flat.slice(0, at)) {
          expect(distance(one.rect, other.rect)).toBeGreaterThanOrEqual(gapOf(viewport, gap));
        }
      }
      expect(placements.length - flat.length).toBeLessThanOrEqual(1);
    });
  });

  test("where chat has a place of its own, nobody else is", () => {
    always(({ viewport, bands, chat: chatting }, { placements, chat }) => {
      if (!chat) return;
      expect(chatting).toBe(true);
      expect(Math.min(chat.x, chat.y - bands.top)).toBeGreaterThanOrEqual(0);
      expect(right(chat)).toBeLessThanOrEqual(viewport.width);
      expect(bottom(chat)).toBeLessThanOrEqual(viewport.height - bands.bottom);
      for (const { rect } of placements) expect(distance(rect, chat)).toBeGreaterThanOrEqual(0);
    });
  });

  test("everybody is there once, or counted, where the layout is for everybody", () => {
    always((given, { placements }) => {
      const persons = placements.filter(({ kind }) => kind === "person" || kind === "voice");
      const identities = persons.map((placement) => ("identity" in placement ? placement.identity : ""));
      expect(new Set(identities).size).toBe(identities.length);
      const more = placements.find((placement) => placement.kind === "more");
      const told = persons.length + (more?.kind === "more" ? more.count : 0);
      if (["grid", "speaker", "screen", "podcast"].includes(given.layout)) expect(told).toBe(given.people.length);
      else expect(more).toBeUndefined();
    });
  });

  test("a large share keeps its shape", () => {
    always(({ shares }, { placements }) => {
      for (const placement of placements) {
        if (placement.kind !== "share" || placement.caption === 0) continue;
        const shape = shares.find(({ identity }) => identity === placement.identity)?.shape ?? WIDE;
        const { width, height } = { ...placement.rect, height: placement.rect.height - placement.caption };
        // Whole pixels.
        expect(Math.abs(width - height * shape)).toBeLessThanOrEqual(1 + shape);
      }
    });
  });

  test("the same scene is arranged the same, and again when the seats are known", () => {
    always((given, first) => {
      const second = arrange(given, first.seats);
      expect(second.placements).toEqual(first.placements);
      expect(second.seats).toEqual(first.seats);
    });
  });

  test("each picture stands in its tile as far as its face may be cropped", () => {
    always(({ people: present }, { placements }) => {
      for (const placement of placements) {
        if (placement.kind !== "person") continue;
        const shape = present.find(({ identity }) => identity === placement.identity)?.shape ?? null;
        expect(placement.picture).toEqual(pictureIn(shape, placement.rect));
      }
    });
  });
});

describe("the grid", () => {
  test("shows everybody in order of joining", () => {
    expect(keys(arrange(scene({}), []))).toEqual(["person a", "person b", "person c", "person d"]);
  });

  test("does not move anybody when somebody speaks", () => {
    const quiet = arrange(scene({ count: 9 }), []);
    const loud = arrange(scene({ count: 9, speaker: "f" }), quiet.seats);
    expect(loud.placements).toEqual(quiet.placements);
  });

  test("says how many have no tile", () => {
    const { placements, pages } = arrange(scene({ count: 60 }), []);
    expect(placements).toHaveLength(MOST_TILES);
    expect(placements.at(-1)).toMatchObject({ kind: "more", count: 12 });
    expect(pages).toBe(2);
  });

  test("has everybody on one of its pages, at one size, and begins anew after the last", () => {
    const all = Array.from({ length: 3 }, (_, page) => arrange(scene({ count: 110, page }), []));
    const shown = all.flatMap(keys).filter((key) => key !== "more");
    expect(new Set(shown).size).toBe(110);
    expect(shown).toHaveLength(110);
    expect(new Set(all.flatMap(({ placements }) => placements.map(({ rect }) => rect.width))).size).toBe(1);
    expect(keys(arrange(scene({ count: 110, page: 3 }), []))).toEqual(keys(arrange(scene({ count: 110 }), [])));
  });

  test("keeps its first page when people join and leave on the last", () => {
    const first = arrange(scene({ count: 60 }), []);
    const joined = arrange(scene({ count: 64 }), first.seats);
    expect(joined.placements.slice(0, -1)).toEqual(first.placements.slice(0, -1));
    const left = arrange(scene({ people: people(60).filter((_, at) => at !== 55) }), first.seats);
    expect(left.placements.slice(0, -1)).toEqual(first.placements.slice(0, -1));
  });

  test("fills the seat of whoever left with one, and moves nobody else", () => {
    const first = arrange(scene({ count: 60 }), []);
    const second = arrange(scene({ people: people(60).filter((_, at) => at !== 3) }), first.seats);
    const moves = second.placements.filter(({ key }, at) => key !== first.placements[at]?.key);
    expect(moves.map(({ key }) => key)).toEqual(["person p59"]);
  });

  test("keeps free the band of title and logo", () => {
    const { placements } = arrange(scene({ bands: { top: 0, bottom: 60 } }), []);
    for (const { rect } of placements) expect(bottom(rect)).toBeLessThanOrEqual(720 - 60);
  });

  test("stands apart from the edge by the theme's gap, which grows with the frame", () => {
    const [tile] = arrange(scene({ gap: 24, viewport: { width: 1920, height: 1080 } }), []).placements;
    expect(tile?.rect.y).toBe(36);
  });

  test("gives way to a shared screen", () => {
    const { placements } = arrange(scene({ shares: [{ identity: "b", shape: WIDE }] }), []);
    const [main, ...strip] = placements;
    expect(main).toMatchObject({ kind: "share", identity: "b" });
    expect(strip.map(({ kind }) => kind)).toEqual(["person", "person", "person", "person"]);
    for (const { rect } of strip) expect(rect.width).toBeLessThan((main?.rect.width ?? 0) / 3);
  });

  test.each(Object.entries(FRAMES))("of twenty-five has a name's room on every tile in a %s frame", (_, viewport) => {
    for (const { rect } of arrange(scene({ count: 25, viewport }), []).placements) {
      expect(rect.width).toBeGreaterThanOrEqual(128);
    }
  });
});

describe("the speaker layout", () => {
  test("shows the speaker large and the others in a strip", () => {
    expect(keys(arrange(scene({ layout: "speaker", speaker: "c" }), []))).toEqual([
      "person c",
      "person a",
      "person b",
      "person d",
    ]);
  });

  test("of one is that one alone", () => {
    expect(keys(arrange(scene({ layout: "speaker", count: 1 }), []))).toEqual(["person a"]);
  });

  test("begins with somebody who can be seen", () => {
    const present = [person("a", null), person("b")];
    expect(keys(arrange(scene({ layout: "speaker", people: present }), []))[0]).toBe("person b");
  });

  test("lets two who take turns swap places", () => {
    const first = arrange(scene({ layout: "speaker", speaker: "a" }), []);
    const second = arrange(scene({ layout: "speaker", speaker: "c" }), first.seats);
    expect(keys(first)).toEqual(["person a", "person b", "person c", "person d"]);
    expect(keys(second)).toEqual(["person c", "person b", "person a", "person d"]);
    expect(second.placements.map(({ rect }) => rect)).toEqual(first.placements.map(({ rect }) => rect));
  });

  test.each(Object.entries(FRAMES))("counts those for whom the strip is too short in a %s frame", (_, viewport) => {
    const { placements } = arrange(scene({ layout: "speaker", count: 25, viewport }), []);
    const seen = placements.filter(({ kind }) => kind === "person").length;
    expect(seen).toBeGreaterThan(10);
    expect(placements.at(-1)).toMatchObject({ kind: "more", count: 25 - seen });
  });

  test.each([
    ["landscape", "beside"],
    ["portrait", "below"],
    ["square", "below"],
  ] as const)("has its strip in a %s frame %s the speaker", (frame, where) => {
    const { placements } = arrange(scene({ layout: "speaker", viewport: FRAMES[frame] }), []);
    const [main, ...strip] = placements.map(({ rect }) => rect);
    if (!main) throw new Error("nobody is large");
    for (const rect of strip) {
      if (where === "beside") expect(rect.x).toBe(right(main) + 10);
      else expect(rect.y).toBeGreaterThanOrEqual(bottom(main) + 10);
      expect(rect.width * rect.height).toBeLessThan((main.width * main.height) / 2);
    }
  });

  test("stands in the middle of its frame", () => {
    for (const viewport of Object.values(FRAMES)) {
      for (const count of [1, 2, 3, 6, 9]) {
        const rects = arrange(scene({ layout: "speaker", count, viewport }), []).placements.map(({ rect }) => rect);
        const across = Math.min(...rects.map(({ x }) => x)) - (viewport.width - Math.max(...rects.map(right)));
        const down = Math.min(...rects.map(({ y }) => y)) - (viewport.height - Math.max(...rects.map(bottom)));
        expect([Math.abs(across) <= 1, Math.abs(down) <= 1]).toEqual([true, true]);
      }
    }
  });
});

test.each(["grid", "speaker", "interview"] as const)("one person fills an upright frame in the layout %s", (layout) => {
  const { placements } = arrange(scene({ layout, count: 1, viewport: FRAMES.portrait }), []);
  expect(placements.map(({ rect }) => rect)).toEqual([{ x: 10, y: 10, width: 700, height: 1260 }]);
});

describe("the single speaker", () => {
  test("fills the frame", () => {
    const { placements } = arrange(scene({ layout: "single-speaker", speaker: "b" }), []);
    expect(placements).toMatchObject([
      { key: "person b", bleed: true, rect: { x: 0, y: 0, width: 1280, height: 720 } },
    ]);
  });

  test("gives the frame to a share", () => {
    const shares = [{ identity: "a", shape: 4 / 3 }];
    expect(keys(arrange(scene({ layout: "single-speaker", shares }), []))).toEqual(["share a"]);
  });

  test("does not let title and logo stand on a share", () => {
    const shares = [{ identity: "a", shape: WIDE }];
    const bands = { top: 55, bottom: 0 };
    const [share] = arrange(scene({ layout: "single-speaker", shares, bands }), []).placements;
    expect(share?.rect.y).toBeGreaterThanOrEqual(55);
  });
});

describe("the screen layout", () => {
  test.each([
    ["a common screen", WIDE, "right"],
    ["an old screen", 4 / 3, "right"],
    ["two screens in one", 32 / 9, "bottom"],
  ] as const)("has its strip where it leaves %s the most room", (_, shape, side) => {
    const [main, first] = arrange(scene({ layout: "screen", shares: [{ identity: "a", shape }] }), []).placements;
    if (!main || !first) throw new Error("there are no tiles");
    if (side === "right") expect(first.rect.x).toBe(right(main.rect) + 10);
    else expect(first.rect.y).toBe(bottom(main.rect) + 10);
  });

  test("shows the speaker as long as nobody shares", () => {
    const shown = arrange(scene({ layout: "screen", speaker: "b" }), []);
    expect(shown.placements).toEqual(arrange(scene({ layout: "speaker", speaker: "b" }), []).placements);
  });

  test.each([WIDE, 4 / 3, 9 / 16, 3])("shows a share of shape %f at that shape, never cropped", (shape) => {
    const { placements } = arrange(scene({ shares: [{ identity: "a", shape }] }), []);
    const [main] = placements;
    if (main?.kind !== "share") throw new Error("the share is not the main tile");
    const shown = main.rect.width / (main.rect.height - main.caption);
    expect(Math.abs(shown / shape - 1)).toBeLessThan(0.01);
  });

  test("has a share that is not the latest one in the strip", () => {
    const shares = [
      { identity: "b", shape: WIDE },
      { identity: "a", shape: WIDE },
    ];
    expect(keys(arrange(scene({ count: 2, shares }), []))).toEqual(["share b", "share a", "person a", "person b"]);
  });
});

describe("the interview", () => {
  test.each(Object.entries(FRAMES))("fills a %s frame with two", (_, viewport) => {
    const { placements } = arrange(scene({ layout: "interview", count: 2, viewport }), []);
    const used = placements.reduce((sum, { rect }) => sum + rect.width * rect.height, 0);
    expect(used / (viewport.width * viewport.height)).toBeGreaterThan(0.92);
  });

  test("stays with its two until another becomes the speaker, who takes the place of the quieter one", () => {
    const spoke = (times: Record<string, number>) =>
      people(4).map((each) => ({ ...each, spokeAt: times[each.identity] ?? null }));
    const first = arrange(scene({ layout: "interview", people: spoke({ a: 1, b: 2 }) }), []);
    expect(keys(first)).toEqual(["person a", "person b"]);
    const second = arrange(scene({ layout: "interview", people: spoke({ a: 1, b: 2, d: 3 }) }), first.seats);
    expect(keys(second)).toEqual(["person d", "person b"]);
  });

  test("keeps its two beside a share", () => {
    const first = arrange(scene({ layout: "interview" }), []);
    const shares = [{ identity: "c", shape: WIDE }];
    expect(keys(arrange(scene({ layout: "interview", shares }), first.seats))).toEqual([
      "share c",
      "person a",
      "person b",
    ]);
  });
});

describe("the podcast", () => {
  test("shows no pictures and no shares", () => {
    const shares = [{ identity: "a", shape: WIDE }];
    const { placements } = arrange(scene({ layout: "podcast", shares }), []);
    expect(placements.map(({ kind }) => kind)).toEqual(["voice", "voice", "voice", "voice"]);
  });

  test("keeps a few people together", () => {
    const [one, two] = arrange(scene({ layout: "podcast", count: 2 }), []).placements;
    if (!one || !two) throw new Error("there are no two");
    expect(two.rect.x - right(one.rect)).toBe(10);
    expect(one.rect.x + right(two.rect)).toBe(1280);
  });
});

describe("the picture in a picture", () => {
  test("shows the speaker, and in the corner somebody else", () => {
    const { placements } = arrange(scene({ layout: "pip", speaker: "b" }), []);
    expect(placements).toMatchObject([
      { key: "person b", bleed: true },
      { key: "person a", above: true },
    ]);
  });

  test("lets two who take turns swap places", () => {
    const first = arrange(scene({ layout: "pip", speaker: "b" }), []);
    expect(keys(arrange(scene({ layout: "pip", speaker: "a" }), first.seats))).toEqual(["person a", "person b"]);
  });

  test("shows the speaker in the corner of a share", () => {
    const shares = [{ identity: "a", shape: WIDE }];
    expect(keys(arrange(scene({ layout: "pip", shares, speaker: "c" }), []))).toEqual(["share a", "person c"]);
  });

  test("moves a share aside that leaves room for the corner", () => {
    const shares = [{ identity: "a", shape: 4 / 3 }];
    const [share, corner] = arrange(scene({ layout: "pip", shares }), []).placements;
    if (!share || !corner) throw new Error("there are no two");
    expect(distance(share.rect, corner.rect)).toBeGreaterThanOrEqual(10);
  });

  test.each(["portrait", "square"] as const)("covers nothing of a share in a %s frame", (frame) => {
    const shares = [{ identity: "a", shape: WIDE }];
    const { placements } = arrange(scene({ layout: "pip", shares, viewport: FRAMES[frame], speaker: "c" }), []);
    const [share, second] = placements;
    if (share?.kind !== "share" || second?.key !== "person c") throw new Error("there are no two");
    expect(distance(share.rect, second.rect)).toBeGreaterThanOrEqual(10);
  });
});
