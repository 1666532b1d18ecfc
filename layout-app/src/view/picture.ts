import type { FrameShape, TrackKey, Video } from "../model";

/** Where pictures and voices come from: what the view needs of an adapter. */
export interface PictureSource {
  /** Shows a track in a video element until the returned function is called. */
  attach(track: TrackKey, video: HTMLVideoElement): () => void;
  /** How loud somebody is at this moment, from 0 to 1. */
  levelOf(identity: string): number;
}

export type FrameListener = (track: TrackKey, shape: FrameShape) => void;

/** A video element that follows a participant's video, and tells of its first frame and of each change of size. */
export class Picture {
  #track: TrackKey | null = null;
  #seen = false;
  #detach: () => void = () => undefined;

  constructor(
    private readonly source: PictureSource,
    private readonly onFrame: FrameListener,
    readonly element: HTMLVideoElement = pictureElement(),
  ) {
    this.element.autoplay = true;
    this.element.playsInline = true;
    // Sound has elements of its own; a muted one may always play.
    this.element.muted = true;
    this.element.disableRemotePlayback = true;
    this.element.addEventListener("resize", () => {
      if (this.#seen) this.#tell();
    });
  }

  show(video: Video): void {
    const track = video.state === "live" ? video.track : null;
    if (track === this.#track) return;
    this.#detach();
    this.#detach = () => undefined;
    this.#track = track;
    this.#seen = false;
    if (track === null) return;
    this.#detach = this.source.attach(track, this.element);
    this.element.requestVideoFrameCallback(() => {
      if (track !== this.#track) return;
      this.#seen = true;
      this.#tell();
    });
  }

  close(): void {
    this.show({ state: "off" });
  }

  #tell(): void {
    const { videoWidth: width, videoHeight: height } = this.element;
    if (this.#track !== null && width > 0 && height > 0) this.onFrame(this.#track, { width, height });
  }
}

function pictureElement(): HTMLVideoElement {
  const video = document.createElement("video");
  video.className = "picture";
  return video;
}
