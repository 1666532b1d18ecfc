import type { TrackKey } from "../../model";
import { attach } from "./sounds";
import type { JitsiTrack } from "./lib";

/** Where pictures are drawn, and how high. */
export interface Tiles {
  /** Draws a track until the returned function is called. */
  show(key: TrackKey, track: JitsiTrack, video: HTMLVideoElement): () => void;
  /** Height of the tallest tile of a track in pixels of the frame; 0 when it is on none. */
  heightOf(key: TrackKey): number;
  /** Has `changed` called when heights have. */
  onChange(changed: () => void): void;
}

/** Tiles move for a moment when somebody comes or goes; the bridge is not told of each step. */
const SETTLE_MS = 200;

export class PageTiles implements Tiles {
  readonly #videos = new Map<HTMLVideoElement, TrackKey>();
  #changed: () => void = () => undefined;
  #settling = false;
  readonly #watch = new ResizeObserver(() => this.#tellSoon());

  show(key: TrackKey, track: JitsiTrack, video: HTMLVideoElement): () => void {
    attach(track, video);
    this.#videos.set(video, key);
    this.#watch.observe(video);
    this.#tellSoon();
    return () => {
      track.detach(video);
      video.srcObject = null;
      this.#videos.delete(video);
      this.#watch.unobserve(video);
      this.#tellSoon();
    };
  }

  heightOf(key: TrackKey): number {
    const drawn = [...this.#videos].filter(([, shown]) => shown === key);
    return Math.max(0, ...drawn.map(([{ clientHeight }]) => Math.round(clientHeight * devicePixelRatio)));
  }

  onChange(changed: () => void): void {
    this.#changed = changed;
  }

  #tellSoon(): void {
    if (this.#settling) return;
    this.#settling = true;
    setTimeout(() => {
      this.#settling = false;
      this.#changed();
    }, SETTLE_MS);
  }
}
