/**
 * Looks at what a page has drawn, whoever has made it: text that is cut off, too small, upon other text, or too faint. It is evaluated
 * in the page by `design --check` and by the visual suite, so it imports nothing of the pages.
 */
import type { Fault } from "./rules";
import { cut, faint, overlaps, small } from "./rules";
import { texts } from "./texts";

/** After this long in which everything that ends has not ended, it is looked at as it is. */
const PATIENCE_MS = 2500;
/** A simulated room's first lines come after a moment. */
const FIRST_WORDS_MS = 600;
const MOST_FAULTS = 40;

async function inspect(): Promise<Fault[]> {
  await settled();
  const all = texts(document);
  const faults = [...all.flatMap((text) => [...cut(text), ...small(text), ...faint(text)]), ...overlaps(all)];
  return faults.slice(0, MOST_FAULTS);
}

/** What comes in has come in: transitions and short animations are over. */
async function settled(): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  await new Promise((resolve) => setTimeout(resolve, FIRST_WORDS_MS));
  const ends = (animation: Animation) => Number(animation.effect?.getComputedTiming().endTime) < 2000;
  while (performance.now() < deadline) {
    const moving = document.getAnimations().filter((animation) => animation.playState === "running" && ends(animation));
    if (moving.length === 0) return;
    const late = new Promise((resolve) => setTimeout(resolve, Math.max(0, deadline - performance.now())));
    await Promise.race([Promise.allSettled(moving.map(({ finished }) => finished)), late]);
  }
}

(globalThis as { wallflowerInspect?: typeof inspect }).wallflowerInspect = inspect;
