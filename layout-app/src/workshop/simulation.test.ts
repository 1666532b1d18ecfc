import { describe, expect, test } from "vitest";
import { sceneOf, USUAL } from "./simulation";

describe("a simulated room", () => {
  test.each([
    [4, 0, []],
    [4, 1, [2]],
    [4, 3, [1, 2, 3]],
    [4, 4, [1, 2, 3, 0]],
    [1, 1, [0]],
    [9, 2, [3, 7]],
  ])("of %i people with %i cameras off has those of %j off: the speaker's last", (people, off, expected) => {
    expect(sceneOf({ ...USUAL, people, off }).off).toEqual(expected);
  });

  test("has no speaker who is not there", () => {
    expect(sceneOf({ ...USUAL, people: 2, speaker: 5 }).speaker).toBeNull();
    expect(sceneOf({ ...USUAL, people: 2, speaker: 1 }).speaker).toBe(1);
  });

  test("raises the hands of those who listen", () => {
    expect(sceneOf({ ...USUAL, hands: 2, speaker: 0 }).hands).toEqual([1, 2]);
    expect(sceneOf({ ...USUAL, people: 2, hands: 5, speaker: 1 }).hands).toEqual([0]);
  });

  test("names nobody beyond its people", () => {
    for (const people of [1, 2, 9, 25, 49]) {
      const scene = sceneOf({ ...USUAL, people, off: 40, hands: 9, sharing: true, phones: true, network: "somebody" });
      const named = [scene.off, scene.tall, scene.muted, scene.hands, scene.lost, scene.shares].flat();
      expect(Math.max(...named)).toBeLessThan(people);
      expect(new Set(scene.off).size).toBe(scene.off.length);
    }
  });
});
