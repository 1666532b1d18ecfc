import { expect, test } from "vitest";
import { babble, LEVEL_RATE, VOICE_RATE } from "./voice";

/** Power of `samples` at `hz` (Goertzel), over stretches short enough that a wavering pitch stays in its bin. */
function power(samples: Float32Array, hz: number): number {
  const stretch = VOICE_RATE / 10;
  const turn = 2 * Math.cos((2 * Math.PI * hz) / VOICE_RATE);
  let total = 0;
  for (let start = 0; start + stretch <= samples.length; start += stretch) {
    let last = 0;
    let lastButOne = 0;
    for (let i = start; i < start + stretch; i++) {
      const now = (samples[i] ?? 0) + turn * last - lastButOne;
      lastButOne = last;
      last = now;
    }
    total += last * last + lastButOne * lastButOne - turn * last * lastButOne;
  }
  return total;
}

const FIRST_FOUR = [196, 110, 247, 147];

test.each(FIRST_FOUR)("the fundamental of a voice of %d Hz stands out from those of the others", (hz) => {
  const { samples } = babble(hz, hz, 9);
  for (const other of FIRST_FOUR.filter((each) => each !== hz)) {
    expect(power(samples, hz) / power(samples, other)).toBeGreaterThan(20);
  }
});

test("a voice is neither clipped nor hardly there, and its loop starts and ends in silence", () => {
  const { samples } = babble(147, 4, 9);
  const rms = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  expect(samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0)).toBeCloseTo(0.5, 3);
  expect(20 * Math.log10(rms)).toBeGreaterThan(-26);
  expect(samples[0]).toBe(0);
  expect(samples.at(-1)).toBe(0);
});

test("the mouth's levels are within 0 and 1, and fall to rest between phrases", () => {
  const { levels } = babble(110, 2, 9);
  expect(levels).toHaveLength(9 * LEVEL_RATE);
  expect(Math.max(...levels)).toBe(1);
  expect(Math.min(...levels)).toBe(0);
});

test("the same seed speaks the same", () => {
  expect(babble(110, 2, 1).samples).toEqual(babble(110, 2, 1).samples);
});
