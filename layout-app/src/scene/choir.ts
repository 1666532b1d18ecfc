import { babble, LEVEL_RATE, VOICE_RATE, type Babble } from "../cast/voice";

/** Length of what each of them says over and over. */
const BABBLE_S = 9;
/** How fast a voice comes and goes, in seconds. */
const FADE_S = 0.03;
/** What a receiver would measure of a voice whose mouth is wide open. */
const LOUDEST = 0.3;

interface Voice extends Babble {
  readonly gain: GainNode;
  readonly since: number;
}

/** The voices of drawn people, who say nothing that could be understood. Whoever has not spoken yet costs nothing. */
export class Choir {
  #context: AudioContext | null = null;
  readonly #voices = new Map<string, Voice>();
  #speaking: ReadonlyMap<string, number> = new Map();
  #volumeOf: (identity: string) => number = () => 1;

  /** These speak, by the pitches of their voices in hertz, and nobody else does. */
  speak(speaking: ReadonlyMap<string, number>): void {
    this.#speaking = speaking;
    for (const [identity, hertz] of speaking) if (!this.#voices.has(identity)) this.#sing(identity, hertz);
    this.#fade();
  }

  mix(volumeOf: (identity: string) => number): void {
    this.#volumeOf = volumeOf;
    this.#fade();
  }

  /** How loud somebody is at this moment, as a room would say; null for who has no voice. */
  levelOf(identity: string): number | null {
    const voice = this.#voices.get(identity);
    if (!voice || !this.#context) return null;
    if (!this.#speaking.has(identity)) return 0;
    const at = Math.floor((this.#context.currentTime - voice.since) * LEVEL_RATE);
    return (voice.levels[at % voice.levels.length] ?? 0) * LOUDEST;
  }

  close(): void {
    void this.#context?.close();
    this.#context = null;
    this.#voices.clear();
  }

  #sing(identity: string, hertz: number): void {
    this.#context ??= new AudioContext({ sampleRate: VOICE_RATE });
    const context = this.#context;
    // A browser in which nobody has clicked yet lets it begin when somebody has.
    void context.resume();
    const made = babble(hertz, Math.round(hertz), BABBLE_S);
    const buffer = context.createBuffer(1, made.samples.length, VOICE_RATE);
    buffer.copyToChannel(made.samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    const gain = new GainNode(context, { gain: 0 });
    source.connect(gain).connect(context.destination);
    source.start();
    this.#voices.set(identity, { ...made, gain, since: context.currentTime });
  }

  #fade(): void {
    for (const [identity, { gain }] of this.#voices) {
      const loudness = this.#speaking.has(identity) ? this.#volumeOf(identity) : 0;
      gain.gain.setTargetAtTime(loudness, this.#context?.currentTime ?? 0, FADE_S);
    }
  }
}
