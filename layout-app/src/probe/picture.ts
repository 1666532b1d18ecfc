import { cells } from "./counter";
import plan from "./plan";

/** Where counter and flash are shown. */
export interface Picture {
  /** Shows one state; called once per painted frame. */
  show(count: number, flash: boolean): void;
}

/**
 * The picture as elements of the page: a canvas of one pixel per cell, stretched by the compositor, and a box for the
 * flash. A frame so costs a few pixels of painting, and what the recorder spends can be told from what the page spends.
 */
export class PagePicture implements Picture {
  readonly #cells: CanvasRenderingContext2D;
  readonly #flash: HTMLElement;

  constructor(root: HTMLElement) {
    const { columns, counter, flash } = plan;
    const count = cells(0).length;
    const row = document.createElement("canvas");
    row.width = count;
    row.height = 1;
    place(row, counter.firstColumn / columns, counter.top, count / columns, counter.height);
    row.style.imageRendering = "pixelated";
    this.#cells = context(row);

    this.#flash = document.createElement("div");
    place(this.#flash, flash.left, flash.top, flash.width, flash.height);
    this.#flash.style.background = "white";
    this.#flash.style.willChange = "opacity";
    root.append(row, this.#flash);
  }

  show(count: number, flash: boolean): void {
    cells(count).forEach((white, i) => {
      this.#cells.fillStyle = white ? "white" : "black";
      this.#cells.fillRect(i, 0, 1, 1);
    });
    this.#flash.style.opacity = flash ? "1" : "0";
  }
}

/** The same picture on one canvas, for a video track. */
export class CanvasPicture implements Picture {
  readonly canvas = document.createElement("canvas");
  readonly #context: CanvasRenderingContext2D;

  constructor(width: number, height: number) {
    this.canvas.width = width;
    this.canvas.height = height;
    this.#context = context(this.canvas);
  }

  show(count: number, flash: boolean): void {
    const { columns, counter, flash: area } = plan;
    const { width, height } = this.canvas;
    const cell = width / columns;
    this.#context.fillStyle = "black";
    this.#context.fillRect(0, 0, width, height);
    this.#context.fillStyle = "white";
    cells(count).forEach((white, i) => {
      if (white) {
        this.#context.fillRect(
          (counter.firstColumn + i) * cell,
          counter.top * height,
          cell + 0.5,
          counter.height * height,
        );
      }
    });
    if (flash) {
      this.#context.fillRect(area.left * width, area.top * height, area.width * width, area.height * height);
    }
  }
}

function place(element: HTMLElement, left: number, top: number, width: number, height: number): void {
  Object.assign(element.style, {
    position: "absolute",
    left: `${left * 100}vw`,
    top: `${top * 100}vh`,
    width: `${width * 100}vw`,
    height: `${height * 100}vh`,
  });
}

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = canvas.getContext("2d", { alpha: false });
  if (found === null) throw new Error("This browser has no 2D canvas.");
  return found;
}
