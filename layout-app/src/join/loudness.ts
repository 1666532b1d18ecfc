/** How loud the own microphone is; 0 where the browser lets no audio graph run. */
export class Loudness {
  #context: AudioContext | null = null;
  #analyser: AnalyserNode | null = null;
  #source: MediaStreamAudioSourceNode | null = null;
  #samples = new Float32Array(0);

  listenTo(track: MediaStreamTrack | null): void {
    this.#source?.disconnect();
    this.#source = null;
    if (!track) return;
    try {
      this.#context ??= new AudioContext();
      this.#analyser ??= analyserOf(this.#context);
      this.#samples = new Float32Array(this.#analyser.fftSize);
      this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
      this.#source.connect(this.#analyser);
    } catch {
      // Without it the own speaking ring stays dark; nothing else depends on it.
    }
    this.wake();
  }

  /** Browsers start audio only after the person did something. */
  wake(): void {
    if (this.#context?.state === "suspended") this.#context.resume().catch(() => undefined);
  }

  /** Root mean square, 0 to 1. */
  level(): number {
    if (!this.#analyser || !this.#source) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let energy = 0;
    for (const sample of this.#samples) energy += sample * sample;
    return Math.sqrt(energy / this.#samples.length);
  }

  close(): void {
    this.listenTo(null);
    void this.#context?.close();
    this.#context = null;
    this.#analyser = null;
  }
}

/** Some browsers run only what ends at the loudspeakers: it does, in silence. */
function analyserOf(context: AudioContext): AnalyserNode {
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  analyser.connect(new GainNode(context, { gain: 0 })).connect(context.destination);
  return analyser;
}
