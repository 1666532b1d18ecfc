import type Hls from "hls.js/light";
import type { SharedSource } from "../contract/generated/SharedSource";
import type { Link } from "./link";

export const RATES = [0.75, 1, 1.25, 1.5, 1.75, 2] as const;

/** The one media element, and which of the recording's sources it plays. What a browser can't play is followed by the next. */
export class Media {
  readonly video = document.createElement("video");
  /** The source that is played; none once there is none left. */
  source: SharedSource | null = null;
  waiting = false;
  #left: SharedSource[] = [];
  #hls: Hls | null = null;
  /** Counts loads: what an older one still does is of no interest. */
  #load = 0;

  constructor(
    private readonly link: Link,
    private readonly changed: () => void,
  ) {
    const { video } = this;
    video.preload = "metadata";
    video.playsInline = true;
    video.tabIndex = -1;
    const events = [
      "play",
      "pause",
      "timeupdate",
      "durationchange",
      "volumechange",
      "ratechange",
      "progress",
      "seeking",
      "ended",
    ];
    for (const event of events) video.addEventListener(event, changed);
    for (const event of ["waiting", "stalled"]) video.addEventListener(event, () => this.#wait(!video.paused));
    for (const event of ["playing", "canplay", "pause"]) video.addEventListener(event, () => this.#wait(false));
    video.addEventListener("error", () => this.#next());
  }

  /** Takes the first source that plays. */
  open(sources: readonly SharedSource[], poster: string | null): void {
    const probably = (source: SharedSource) =>
      source.kind === "hls" ||
      this.video.canPlayType(source.media_type) !== "" ||
      source.media_type.endsWith("matroska");
    this.#left = sources.filter(probably);
    if (poster !== null) this.video.poster = this.link.url(poster);
    this.#next();
  }

  get duration(): number {
    const { duration, seekable } = this.video;
    if (Number.isFinite(duration)) return duration;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : 0;
  }

  get isLive(): boolean {
    return this.video.duration === Infinity;
  }

  /** How far it is loaded from where it plays, in seconds. */
  get loaded(): number {
    const { buffered, currentTime } = this.video;
    for (let at = 0; at < buffered.length; at += 1) {
      if (buffered.start(at) <= currentTime + 0.1 && buffered.end(at) >= currentTime) return buffered.end(at);
    }
    return currentTime;
  }

  toggle(): void {
    // What a browser does not let play by itself is played by the next click.
    if (this.video.paused) void this.video.play().catch(() => this.changed());
    else this.video.pause();
  }

  seek(time: number): void {
    this.video.currentTime = Math.min(Math.max(0, time), this.duration || time);
    this.changed();
  }

  /** `by` of the whole; what is turned up is heard. */
  louder(by: number): void {
    this.video.volume = Math.min(1, Math.max(0, this.video.volume + by));
    this.video.muted = this.video.volume === 0;
  }

  #wait(waits: boolean): void {
    this.waiting = waits;
    this.changed();
  }

  #next(): void {
    this.#hls?.destroy();
    this.#hls = null;
    this.#load += 1;
    this.source = this.#left.shift() ?? null;
    if (this.source?.kind === "hls") void this.#playlist(this.link.url(this.source.path), this.#load);
    else if (this.source) this.video.src = this.link.url(this.source.path);
    this.changed();
  }

  async #playlist(url: string, load: number): Promise<void> {
    if (typeof MediaSource === "undefined" && !("ManagedMediaSource" in window)) {
      this.video.src = url;
      return;
    }
    try {
      const { default: Hls } = await import("hls.js/light");
      if (load !== this.#load) return;
      const hls = new Hls({ enableWorker: false, liveDurationInfinity: true });
      this.#hls = hls;
      hls.on(Hls.Events.ERROR, (_, error) => {
        if (error.fatal && load === this.#load) this.#next();
      });
      hls.loadSource(url);
      hls.attachMedia(this.video);
    } catch {
      if (load === this.#load) this.#next();
    }
  }
}
