import { describe, expect, test } from "vitest";
import type { Layout } from "../contract";
import type { Person, Placement, Scene } from "./arrange";
import { arrange, fitOf } from "./arrange";
import type { Rect, Size } from "./rect";

const WIDE = 16 / 9;

function person(identity: string, shape: number | null = WIDE): Person {
  return { identity, shape, spokeAt: null };
}

function scene(fields: Partial<Scene> & { count?: number }): Scene {
  const { count = 4, ...rest } = fields;
  const people = Array.from({ length: count }, (_, at) => person(String.fromCharCode(97 + at)));
  return {
    layout: "grid",
    viewport: { width: 1280, height: 720 },
    people,
    shares: [],
    speaker: null,
    band: null,
    ...rest,
  };
}

const keys = ({ placements }: { placements: readonly Placement[] }) => placements.map(({ key }) => key);

function overlap(one: Rect, other: Rect): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}

describe("whatever the room", () => {
  const viewports = [
    [1280, 720],
    [1920, 1080],
    [720, 1280],
    [640, 360],
    [128, 128],
    [4096, 128],
    [128, 4096],
  ] as const;

  test.each(viewports)("tiles are inside a frame of %i x %i and apart", (width, height) => {
    for (const layout of ["grid", "speaker", "single-speaker"] as const) {
      for (const count of [0, 1, 2, 5, 13, 49, 60, 300]) {
        for (const shares of [0, 1, 2]) check({ width, height }, layout, count, shares);
      }
    }
  });

  function check(viewport: Size, layout: Layout, count: number, shared: number) {
    const given = scene({ count, layout, viewport, band: { side: "top", height: 8 } });
    const shares = given.people.slice(0, shared).map(({ identity }) => ({ identity, shape: WIDE }));
    const { placements } = arrange({ ...given, shares }, []);
    for (const [at, { rect }] of placements.entries()) {
      expect(rect.x).toBeGreaterThanOrEqual(0);
      expect(rect.y).toBeGreaterThanOrEqual(0);
      expect(rect.width).toBeGreaterThan(0);
      expect(rect.height).toBeGreaterThan(0);
      expect(rect.x + rect.width).toBeLessThanOrEqual(viewport.width);
      expect(rect.y + rect.height).toBeLessThanOrEqual(viewport.height);
      for (const { rect: other } of placements.slice(0, at)) expect(overlap(rect, other)).toBe(false);
    }
    expect(new Set(placements.map(({ key }) => key)).size).toBe(placements.length);
  }
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
    const { placements } = arrange(scene({ count: 60 }), []);
    expect(placements).toHaveLength(49);
    expect(placements.at(-1)).toMatchObject({ kind: "more", count: 12 });
  });

  test("keeps free the band of title and logo", () => {
    const { placements } = arrange(scene({ band: { side: "bottom", height: 60 } }), []);
    for (const { rect } of placements) expect(rect.y + rect.height).toBeLessThanOrEqual(720 - 60);
  });

  test("gives way to a shared screen", () => {
    const { placements } = arrange(scene({ shares: [{ identity: "b", shape: WIDE }] }), []);
    const [main, ...strip] = placements;
    expect(main).toMatchObject({ kind: "share", identity: "b" });
    expect(strip.map(({ kind }) => kind)).toEqual(["person", "person", "person", "person"]);
    for (const { rect } of strip) expect(rect.width).toBeLessThan((main?.rect.width ?? 0) / 3);
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
    const people = [person("a", null), person("b")];
    expect(keys(arrange(scene({ layout: "speaker", people }), []))[0]).toBe("person b");
  });

  test("lets two who take turns swap places", () => {
    const first = arrange(scene({ layout: "speaker", speaker: "a" }), []);
    const second = arrange(scene({ layout: "speaker", speaker: "c" }), first.seats);
    expect(keys(first)).toEqual(["person a", "person b", "person c", "person d"]);
    expect(keys(second)).toEqual(["person c", "person b", "person a", "person d"]);
    expect(second.placements.map(({ rect }) => rect)).toEqual(first.placements.map(({ rect }) => rect));
  });

  test("counts those for whom the strip is too short", () => {
    const { placements } = arrange(scene({ layout: "speaker", count: 25 }), []);
    const people = placements.filter(({ kind }) => kind === "person").length;
    expect(placements.at(-1)).toMatchObject({ kind: "more", count: 25 - people });
  });

  test("puts the strip below in an upright frame", () => {
    const { placements } = arrange(scene({ layout: "speaker", viewport: { width: 720, height: 1280 } }), []);
    const [main, ...strip] = placements;
    for (const { rect } of strip) expect(rect.y).toBeGreaterThanOrEqual((main?.rect.y ?? 0) + (main?.rect.height ?? 0));
  });
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
});

describe("a share", () => {
  test.each([WIDE, 4 / 3, 9 / 16, 3])("of shape %f is shown at that shape, never cropped", (shape) => {
    const { placements } = arrange(scene({ shares: [{ identity: "a", shape }] }), []);
    const [main] = placements;
    if (main?.kind !== "share") throw new Error("the share is not the main tile");
    const shown = main.rect.width / (main.rect.height - main.caption);
    expect(Math.abs(shown / shape - 1)).toBeLessThan(0.01);
  });

  test("that is not the latest one stands in the strip", () => {
    const shares = [
      { identity: "b", shape: WIDE },
      { identity: "a", shape: WIDE },
    ];
    expect(keys(arrange(scene({ count: 2, shares }), []))).toEqual(["share b", "share a", "person a", "person b"]);
  });
});

test.each([
  ["a wide picture in a wide tile", WIDE, 622, 342, "cover"],
  ["a wide picture in a tile of 4:3", WIDE, 622, 466, "cover"],
  ["a picture of 4:3 in a wide tile", 4 / 3, 622, 342, "cover"],
  ["a square picture in a wide tile", 1, 622, 342, "contain"],
  ["an upright picture in a wide tile", 9 / 16, 622, 342, "contain"],
  ["an upright picture in an upright tile", 9 / 16, 300, 480, "cover"],
  ["a wide picture in an upright tile", WIDE, 300, 480, "contain"],
  ["no picture", null, 622, 342, "cover"],
] as const)("%s: %s", (_, shape, width, height, fit) => {
  expect(fitOf(shape, { x: 0, y: 0, width, height })).toBe(fit);
});
