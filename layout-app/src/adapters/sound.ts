/** What elements can play. The same by its `key`. */
export interface Playable {
  readonly key: unknown;
  feed(element: HTMLAudioElement): void;
  starve(element: HTMLAudioElement): void;
}

/** A track as it comes from a peer connection. */
export function playable(track: MediaStreamTrack | null): Playable | null {
  return (
    track && {
      key: track,
      feed: (element) => {
        element.srcObject = new MediaStream([track]);
        // Autoplay is never blocked in the recorder; a person who opens the page hears the room once they click.
        void element.play().catch(() => undefined);
      },
      starve: (element) => {
        element.srcObject = null;
      },
    }
  );
}

/**
 * What is heard of one track, at any volume.
 *
 * ```text
 * up to 100 %   one element, at that volume
 * above         a second element plays the rest of the same track
 * ```
 *
 * Chromium adds up the volumes at which a remote track is played, and has its decoder's output scaled by the sum. So both are heard as one,
 * at the same moment as before, and what is stereo stays stereo. An audio graph could do the same, but would hold the sound back for
 * a while, and the lips would be ahead of it.
 */
export class Sound {
  readonly #first = new Audio();
  #second: HTMLAudioElement | null = null;
  #source: Playable | null = null;
  #volume = 1;

  /** Plays this from now on, and nothing else. */
  play(source: Playable | null): void {
    if (source?.key === this.#source?.key) return;
    const elements = [this.#first, this.#second].filter((element) => element !== null);
    for (const element of elements) {
      this.#source?.starve(element);
      source?.feed(element);
    }
    this.#source = source;
  }

  /** 0 is silence, 1 as it was sent, 2 twice as much. */
  setVolume(volume: number): void {
    if (volume === this.#volume) return;
    this.#volume = volume;
    this.#first.muted = volume <= 0;
    this.#first.volume = Math.min(Math.max(volume, 0), 1);
    const more = Math.min(Math.max(volume - 1, 0), 1);
    if (more === 0) {
      if (this.#second) this.#source?.starve(this.#second);
      this.#second = null;
      return;
    }
    if (this.#second) {
      this.#second.volume = more;
      return;
    }
    this.#second = new Audio();
    this.#second.volume = more;
    this.#source?.feed(this.#second);
  }

  close(): void {
    this.play(null);
  }
}
