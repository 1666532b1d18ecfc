import { Brush } from "./brush";
import { contextOf, canvasOf } from "./picture";

export const SLIDES_SIZE = { width: 1280, height: 720 } as const;

const SLIDE_S = 6;
const BARS = [0.42, 0.55, 0.5, 0.68, 0.74, 0.9] as const;
const INK = "#1d2733";

/** A drawn screen that is shared: slides with a title, a chart that grows, and a pointer that moves. */
export class Slides {
  readonly canvas = canvasOf(SLIDES_SIZE.width, SLIDES_SIZE.height);
  readonly #brush = new Brush(contextOf(this.canvas));

  paint(time: number): void {
    const brush = this.#brush;
    const slide = Math.floor(time / SLIDE_S);
    const along = Math.min(1, (time - slide * SLIDE_S) / 1.2);
    const [title, tint] = SLIDES[slide % SLIDES.length] ?? SLIDES[0];
    brush.box("#fbfaf6", 0, 0, 1280, 720);
    brush.box(tint, 0, 0, 22, 720);
    this.#text(title, 90, 130, "700 58px Inter, 'Noto Sans', sans-serif", INK);
    this.#text(
      `Wallflower · ${(slide % SLIDES.length) + 1}/${SLIDES.length}`,
      90,
      672,
      "500 24px Inter, 'Noto Sans', sans-serif",
      "#7b8794",
    );
    if (slide % 2 === 0) {
      BARS.forEach((height, i) => {
        const grown = 400 * height * (1 - (1 - along) ** 3);
        brush.box(i === BARS.length - 1 ? tint : "#cfd8e0", 110 + i * 180, 600 - grown, 120, grown, 10);
      });
      brush.box(INK, 90, 600, 1100, 4, 2);
    } else {
      for (const [i, width] of [760, 640, 700, 520].entries()) {
        const y = 220 + i * 92;
        brush.circle(tint, 112, y + 12, 12);
        brush.box("#cfd8e0", 150, y, width * Math.min(1, Math.max(0, along * 2 - i * 0.25)), 24, 12);
      }
    }
    const x = 640 + 420 * Math.sin(time * 0.5);
    const y = 380 + 140 * Math.sin(time * 0.83);
    brush.fill(INK, (c) => {
      c.moveTo(x, y);
      c.lineTo(x, y + 34);
      c.lineTo(x + 9, y + 26);
      c.lineTo(x + 24, y + 25);
    });
  }

  #text(text: string, x: number, y: number, font: string, color: string): void {
    const c = this.#brush.context;
    c.font = font;
    c.fillStyle = color;
    c.fillText(text, x, y);
  }
}

const SLIDES = [
  ["People who joined, by month", "#2f7f95"],
  ["What we learned", "#d9774f"],
  ["Hours recorded", "#7a5fc0"],
  ["What comes next", "#5f8f55"],
] as const;
