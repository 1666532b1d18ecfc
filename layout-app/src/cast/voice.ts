import { between, pick, random } from "./random";

/** Samples a second of every voice: speech needs no more, and it halves the work. */
export const VOICE_RATE = 24_000;

/** Levels a second that a mouth follows. */
export const LEVEL_RATE = 50;

/** A stretch of speech-like babble, to be played in a loop. */
export interface Babble {
  samples: Float32Array<ArrayBuffer>;
  /** Loudness from 0 to 1, LEVEL_RATE a second. */
  levels: Float32Array<ArrayBuffer>;
}

/** First three formants in hertz. */
type Vowel = readonly [number, number, number];

const VOWELS: readonly [Vowel, ...Vowel[]] = [
  [730, 1090, 2440],
  [530, 1840, 2480],
  [300, 2200, 2950],
  [570, 840, 2410],
  [320, 900, 2240],
  [640, 1190, 2390],
  [440, 1500, 2500],
];

/** Width of the three formants in hertz. */
const BANDWIDTHS = [90, 120, 180] as const;

/** Peak of the samples; several may speak at once. */
const PEAK = 0.5;

interface Syllable {
  start: number;
  length: number;
  vowel: Vowel;
  loudness: number;
  /** Length in samples of the hiss before the vowel; 0 for none. */
  hiss: number;
}

/**
 * Babble of `seconds` with the fundamental `hz`, the same for the same `seed`.
 *
 * A glottal pulse train goes through three formants that glide from vowel to vowel; syllables, hisses and short pauses shape it.
 * The fundamental itself is added as a sine, so that it stands out in a spectrum whatever the vowel.
 */
export function babble(hz: number, seed: number, seconds: number): Babble {
  const next = random(seed ^ 0x5eed);
  const total = Math.round(seconds * VOICE_RATE);
  const samples = new Float32Array(total);
  const formants = BANDWIDTHS.map((width) => new Resonator(width));
  let phase = 0;
  let before = 0;
  let from: Vowel = VOWELS[0];
  for (const syllable of syllables(next, total)) {
    for (let i = 0; i < syllable.hiss && syllable.start - syllable.hiss + i >= 0; i++) {
      const at = syllable.start - syllable.hiss + i;
      samples[at] =
        (samples[at] ?? 0) + (next() - next()) * 0.5 * syllable.loudness * Math.sin((Math.PI * i) / syllable.hiss);
    }
    for (let i = 0; i < syllable.length && syllable.start + i < total; i++) {
      const along = i / syllable.length;
      if (i % 64 === 0) {
        const glide = Math.min(1, along * 3);
        formants.forEach((formant, f) => formant.tune((from[f] ?? 0) * (1 - glide) + (syllable.vowel[f] ?? 0) * glide));
      }
      const time = (syllable.start + i) / VOICE_RATE;
      const pitch = hz * (1 + 0.012 * Math.sin(2 * Math.PI * 0.31 * time) + 0.006 * Math.sin(2 * Math.PI * 5.3 * time));
      phase = (phase + pitch / VOICE_RATE) % 1;
      const flow = glottis(phase);
      let sound = (flow - before) * 12;
      before = flow;
      for (const formant of formants) sound = formant.pass(sound);
      const envelope = Math.sin(Math.PI * Math.min(1, along)) ** 0.6 * syllable.loudness;
      const at = syllable.start + i;
      samples[at] = (samples[at] ?? 0) + envelope * (sound * 0.35 + 0.9 * Math.sin(2 * Math.PI * phase));
    }
    from = syllable.vowel;
  }
  const peak = samples.reduce((highest, sample) => Math.max(highest, Math.abs(sample)), 1e-9);
  for (let i = 0; i < total; i++) samples[i] = ((samples[i] ?? 0) / peak) * PEAK;
  return { samples, levels: levels(samples) };
}

/** Syllables in phrases of four to eight; the last ends before `total`, so that the loop has no click. */
function* syllables(next: () => number, total: number): Generator<Syllable> {
  const ms = VOICE_RATE / 1000;
  let left = Math.floor(between(next, 4, 9));
  for (let start = Math.round(40 * ms); ;) {
    const length = Math.round(between(next, 120, 230) * ms);
    if (start + length >= total) return;
    const hiss = next() < 0.3 && start > 60 * ms ? Math.round(between(next, 30, 55) * ms) : 0;
    yield { start, length, vowel: pick(next, VOWELS), loudness: between(next, 0.7, 1), hiss };
    left -= 1;
    const pause = left > 0 ? between(next, 0, 45) : between(next, 160, 280);
    if (left <= 0) left = Math.floor(between(next, 4, 9));
    start += length + Math.round(pause * ms);
  }
}

/** Air flow through the vocal folds over one cycle: opens slowly, closes fast, rests. */
function glottis(phase: number): number {
  if (phase < 0.55) return 0.5 - 0.5 * Math.cos((Math.PI * phase) / 0.55);
  if (phase < 0.75) return Math.cos((Math.PI / 2) * ((phase - 0.55) / 0.2));
  return 0;
}

/** Two-pole resonator with gain 1 at 0 Hz (Klatt). */
class Resonator {
  private a = 0;
  private b = 0;
  private c = 0;
  private last = 0;
  private lastButOne = 0;

  constructor(private readonly width: number) {}

  tune(hz: number): void {
    const radius = Math.exp((-Math.PI * this.width) / VOICE_RATE);
    this.c = -radius * radius;
    this.b = 2 * radius * Math.cos((2 * Math.PI * hz) / VOICE_RATE);
    this.a = 1 - this.b - this.c;
  }

  pass(sample: number): number {
    const out = this.a * sample + this.b * this.last + this.c * this.lastButOne;
    this.lastButOne = this.last;
    this.last = out;
    return out;
  }
}

function levels(samples: Float32Array): Float32Array<ArrayBuffer> {
  const step = VOICE_RATE / LEVEL_RATE;
  const out = new Float32Array(Math.ceil(samples.length / step));
  let highest = 1e-9;
  for (let i = 0; i < out.length; i++) {
    let energy = 0;
    for (let j = i * step; j < Math.min(samples.length, (i + 1) * step); j++) energy += (samples[j] ?? 0) ** 2;
    out[i] = Math.sqrt(energy / step);
    highest = Math.max(highest, out[i] ?? 0);
  }
  return out.map((level) => Math.min(1, level / highest));
}
