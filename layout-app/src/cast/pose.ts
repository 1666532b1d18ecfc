import { random } from "./random";

/** How a drawn participant holds itself at one moment. */
export interface Pose {
  /** Radians, positive to the right. */
  tilt: number;
  /** Of the head, in units of the drawing. */
  x: number;
  y: number;
  /** 0 closed, 1 open. */
  eyes: number;
  /** -1 left, 1 right. */
  gaze: number;
  /** 0 closed, 1 wide open. */
  mouth: number;
  /** 0 at rest, 1 raised. */
  brows: number;
}

const BLINK_S = 0.16;
const BLINK_EVERY_S = 3.1;
const GAZE_EVERY_S = 2.7;

/** The pose of the participant with this `phase` at `time` seconds, whose voice is at `level` (0 to 1). */
export function pose(phase: number, time: number, level: number): Pose {
  const t = time + phase;
  const sway = Math.sin(t * 0.9) + 0.6 * Math.sin(t * 1.7 + 1) + 0.3 * Math.sin(t * 2.9 + 2);
  const nod = Math.sin(t * 1.3 + 0.5) + 0.5 * Math.sin(t * 2.3);
  return {
    tilt: 0.022 * sway + 0.02 * level * Math.sin(t * 4.1),
    x: 2.4 * sway,
    y: 1.5 * nod - 3 * level,
    eyes: eyes(t),
    gaze: gaze(t),
    mouth: Math.min(1, Math.max(0, level)),
    brows: Math.min(1, 0.25 + 0.25 * Math.sin(t * 0.7) + 0.5 * level),
  };
}

/** One blink in each stretch of time, at a place in it that only the stretch's number decides. */
function eyes(t: number): number {
  const stretch = Math.floor(t / BLINK_EVERY_S);
  const at = stretch * BLINK_EVERY_S + random(stretch)() * (BLINK_EVERY_S - BLINK_S);
  const progress = (t - at) / BLINK_S;
  return progress < 0 || progress > 1 ? 1 : Math.abs(2 * progress - 1);
}

/** Mostly straight into the camera, at times to a side; moves there within a fifth of a second. */
function gaze(t: number): number {
  const stretch = Math.floor(t / GAZE_EVERY_S);
  const target = (n: number) => {
    const where = random(n + 7)();
    return where < 0.55 ? 0 : where < 0.78 ? -1 : 1;
  };
  const moved = Math.min(1, (t - stretch * GAZE_EVERY_S) / 0.2);
  return target(stretch - 1) * (1 - moved) + target(stretch) * moved;
}
