import { drawPerson, drawRoom } from "./face";
import { look, type Look } from "./look";
import { pose } from "./pose";

/** The moving picture of one synthetic participant. */
export class Picture {
  readonly canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #room: HTMLCanvasElement;
  readonly #look: Look;

  constructor(seed: number, voiceHz: number, width: number, height: number) {
    this.#look = look(seed, voiceHz);
    this.#room = canvasOf(width, height);
    drawRoom(contextOf(this.#room), this.#look, seed, width, height);
    this.canvas = canvasOf(width, height);
    this.#context = contextOf(this.canvas);
  }

  /** Draws the moment `time` seconds, with the voice at `level` (0 to 1). */
  paint(time: number, level: number): void {
    const { width, height } = this.canvas;
    this.#context.drawImage(this.#room, 0, 0);
    drawPerson(this.#context, this.#look, pose(this.#look.phase, time, level), width, height);
  }
}

export function canvasOf(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** In main memory: every frame is read back to be encoded. */
export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!context) throw new Error("This browser has no 2D canvas.");
  return context;
}
