import { Sound } from "../sound";
import type { JitsiTrack } from "./lib";

/** Where voices are played. */
export interface Sounds {
  play(track: JitsiTrack, volume: number): void;
  stop(track: JitsiTrack): void;
  /** Plays everybody as loud as this says. */
  mix(volumeOf: (owner: string) => number): void;
}

/** Every voice is played by itself: whoever is in the picture, all are heard. */
export class PageSounds implements Sounds {
  readonly #playing = new Map<JitsiTrack, Sound>();

  play(track: JitsiTrack, volume: number): void {
    if (this.#playing.has(track)) return;
    const sound = new Sound();
    sound.setVolume(volume);
    this.#playing.set(track, sound);
    sound.play({
      key: track,
      feed: (element) => {
        element.autoplay = true;
        attach(track, element);
      },
      starve: (element) => {
        track.detach(element);
        element.srcObject = null;
      },
    });
  }

  stop(track: JitsiTrack): void {
    this.#playing.get(track)?.close();
    this.#playing.delete(track);
  }

  mix(volumeOf: (owner: string) => number): void {
    for (const [track, sound] of this.#playing) sound.setVolume(volumeOf(track.getParticipantId()));
  }
}

/** Later libs say by a promise when it plays; that it does not is seen in the picture, and is nothing to fail for. */
export function attach(track: JitsiTrack, element: HTMLMediaElement): void {
  void Promise.resolve(track.attach(element)).catch(() => undefined);
}
