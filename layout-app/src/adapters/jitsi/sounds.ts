import type { JitsiTrack } from "./lib";

/** Where voices are played. */
export interface Sounds {
  play(track: JitsiTrack, muted: boolean): void;
  stop(track: JitsiTrack): void;
  /** Plays nothing of those for whom this is true. */
  mute(hides: (owner: string) => boolean): void;
}

/** Every voice has an element of its own: whoever is in the picture, all are heard. */
export class PageSounds implements Sounds {
  readonly #playing = new Map<JitsiTrack, HTMLAudioElement>();

  play(track: JitsiTrack, muted: boolean): void {
    if (this.#playing.has(track)) return;
    const element = new Audio();
    element.autoplay = true;
    element.hidden = true;
    element.muted = muted;
    this.#playing.set(track, element);
    document.body.append(element);
    attach(track, element);
  }

  stop(track: JitsiTrack): void {
    const element = this.#playing.get(track);
    if (!element) return;
    this.#playing.delete(track);
    track.detach(element);
    element.srcObject = null;
    element.remove();
  }

  mute(hides: (owner: string) => boolean): void {
    for (const [track, element] of this.#playing) element.muted = hides(track.getParticipantId());
  }
}

/** Later libs say by a promise when it plays; that it does not is seen in the picture, and is nothing to fail for. */
export function attach(track: JitsiTrack, element: HTMLMediaElement): void {
  void Promise.resolve(track.attach(element)).catch(() => undefined);
}
