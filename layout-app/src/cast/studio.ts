import type { CastSide } from "../contract/cast";
import { babble, LEVEL_RATE, VOICE_RATE } from "./voice";

/** Chromium's way of letting an audio graph run without a sound device. */
interface SinklessOptions extends AudioContextOptions {
  sinkId?: { type: "none" };
}

/** Length of the babble that is played in a loop. */
const BABBLE_S = 9;
/** How fast a voice comes and goes at the border of a turn, in seconds. */
const FADE_S = 0.03;
const START_DEADLINE_MS = 5000;

/** Where the voices are made; one audio graph for all. */
export class Studio {
  readonly #context = new AudioContext({ sampleRate: VOICE_RATE, sinkId: { type: "none" } } as SinklessOptions);

  /** Rejects with a sentence when the browser does not let the page make sound. */
  async start(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(
            new Error(
              "The browser doesn't start audio by itself; open it with --autoplay-policy=no-user-gesture-required.",
            ),
          ),
        START_DEADLINE_MS,
      );
    });
    await Promise.race([this.#context.resume(), late]).finally(() => clearTimeout(timer));
  }

  voice(hz: number, seed: number, side: CastSide | null): Voice {
    return new Voice(this.#context, hz, seed, side);
  }

  close(): void {
    void this.#context.close();
  }
}

/** One member's voice: silent until it is its turn. */
export class Voice {
  readonly track: MediaStreamTrack;
  readonly #levels: Float32Array;
  readonly #gain: GainNode;
  readonly #startedAt: number;
  #speaking = false;

  constructor(
    private readonly context: AudioContext,
    hz: number,
    seed: number,
    /** Where it is in a track of two channels; null for a track of one. */
    side: CastSide | null,
  ) {
    const { samples, levels } = babble(hz, seed, BABBLE_S);
    this.#levels = levels;
    const buffer = context.createBuffer(1, samples.length, VOICE_RATE);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    this.#gain = new GainNode(context, { gain: 0 });
    const out = new MediaStreamAudioDestinationNode(context, { channelCount: side ? 2 : 1 });
    source.connect(this.#gain);
    if (side) {
      const sides = new ChannelMergerNode(context, { numberOfInputs: 2 });
      this.#gain.connect(sides, 0, side === "left" ? 0 : 1).connect(out);
    } else {
      this.#gain.connect(out);
    }
    source.start();
    this.#startedAt = context.currentTime;
    const track = out.stream.getAudioTracks()[0];
    if (!track) throw new Error("This browser's audio graph gives no track to send.");
    this.track = track;
  }

  speak(speaking: boolean): void {
    if (speaking === this.#speaking) return;
    this.#speaking = speaking;
    this.#gain.gain.setTargetAtTime(speaking ? 1 : 0, this.context.currentTime, FADE_S);
  }

  /** How loud it is at the moment, 0 to 1. */
  level(): number {
    if (!this.#speaking) return 0;
    const at = Math.floor((this.context.currentTime - this.#startedAt) * LEVEL_RATE);
    return this.#levels[at % this.#levels.length] ?? 0;
  }
}
