import { element } from "../overlays";

/** So small that what is enlarged from it is only colours. */
const [WIDTH, HEIGHT] = [32, 24];
/** Light changes slowly, and so does what stands for it: a picture of its own would cost as much as the picture. */
const AGAIN_MS = 5000;

/** What fills a tile beside a picture that may not be cropped to its shape: the picture's own colours, far out of focus. */
export class Backdrop {
  readonly element = element("canvas", "backdrop") as HTMLCanvasElement;
  #again: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly video: HTMLVideoElement) {
    this.element.width = WIDTH;
    this.element.height = HEIGHT;
  }

  show(wanted: boolean): void {
    if (wanted === (this.#again !== undefined)) return;
    clearInterval(this.#again);
    this.#again = undefined;
    if (!wanted) return;
    this.#again = setInterval(() => this.#paint(0.5), AGAIN_MS);
    if (this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.#paint(1);
      return;
    }
    // A picture that was seen elsewhere is known, and still not here: until it is, there is nothing to be black.
    this.element.style.visibility = "hidden";
    this.video.requestVideoFrameCallback(() => {
      if (this.#again !== undefined) this.#paint(1);
    });
  }

  #paint(opacity: number): void {
    const context = this.element.getContext("2d", { alpha: false });
    if (!context || this.video.videoWidth === 0) return;
    this.element.style.visibility = "";
    context.globalAlpha = opacity;
    context.filter = "blur(7px) brightness(0.6) saturate(1.3)";
    // Beyond the edges, which a blur would let fade.
    context.drawImage(this.video, -12, -12, WIDTH + 24, HEIGHT + 24);
  }
}
