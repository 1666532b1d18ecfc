import plan from "./plan";

/** Milliseconds of audio that are scheduled ahead of the clock: a stalled main thread must not lose a beep. */
const AHEAD_SECONDS = 0.5;

/** Plays a burst of tone every beat, on the sample, and says when each leaves. */
export class Beeper {
  readonly #context: AudioContext;
  readonly #into: AudioNode;
  readonly #burst: AudioBuffer;
  readonly #beats: number[] = [];
  #next: number;

  constructor(context: AudioContext, into: AudioNode) {
    this.#context = context;
    this.#into = into;
    const { hertz, seconds, amplitude } = plan.beep;
    const rate = context.sampleRate;
    this.#burst = context.createBuffer(1, Math.round(seconds * rate), rate);
    const samples = this.#burst.getChannelData(0);
    // A cosine starts at full swing: the onset is one sample wide.
    samples.forEach((_, i) => (samples[i] = amplitude * Math.cos((2 * Math.PI * hertz * i) / rate)));
    this.#next = context.currentTime + 1;
  }

  /** Schedules what is due; called once per frame. */
  schedule(): void {
    while (this.#next < this.#context.currentTime + AHEAD_SECONDS) {
      const source = this.#context.createBufferSource();
      source.buffer = this.#burst;
      source.connect(this.#into);
      source.start(this.#next);
      this.#beats.push(this.#next);
      this.#next += plan.beep.everySeconds;
    }
  }

  /** Takes the oldest beat whose time `leavesAt` puts nearer to `frame` than to any later frame; times in ms. */
  beatAt(frame: number, interval: number, leavesAt: (contextTime: number) => number): boolean {
    const beat = this.#beats[0];
    if (beat === undefined || leavesAt(beat) > frame + interval / 2) return false;
    this.#beats.shift();
    return true;
  }
}

/**
 * When audio of `contextTime` leaves the speakers, on the clock of `performance.now()`, in ms. The browser derives it from
 * what the sound server reports as its delay: the clock by which it also times the frames of a <video>.
 */
export function leavesSpeakersAt(context: AudioContext, contextTime: number): number {
  const { contextTime: heard, performanceTime: at } = context.getOutputTimestamp();
  if (heard === undefined || at === undefined || at === 0) {
    return rendersAt(context, contextTime) + context.outputLatency * 1000;
  }
  return at + (contextTime - heard) * 1000;
}

/** When audio of `contextTime` is rendered, which is when a track of it is stamped; same clock. */
export function rendersAt(context: AudioContext, contextTime: number): number {
  return performance.now() + (contextTime - context.currentTime) * 1000;
}
