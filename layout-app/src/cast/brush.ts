/** What the drawings are made with: a canvas seen as a drawing board with its origin in the middle of a face. */
export class Brush {
  constructor(readonly context: Context) {}

  fill(color: string, draw: (c: Context) => void): void {
    this.context.fillStyle = color;
    this.context.beginPath();
    draw(this.context);
    this.context.fill();
  }

  stroke(color: string, width: number, draw: (c: Context) => void): void {
    const c = this.context;
    c.strokeStyle = color;
    c.lineWidth = width;
    c.lineCap = "round";
    c.lineJoin = "round";
    c.beginPath();
    draw(c);
    c.stroke();
  }

  circle(color: string, x: number, y: number, radius: number): void {
    this.oval(color, x, y, radius, radius);
  }

  oval(color: string, x: number, y: number, rx: number, ry: number, angle = 0): void {
    this.fill(color, (c) => c.ellipse(x, y, rx, ry, angle, 0, 2 * Math.PI));
  }

  box(color: string, x: number, y: number, width: number, height: number, radius = 0): void {
    this.fill(color, (c) => c.roundRect(x, y, width, height, radius));
  }

  /** Draws within a shifted, turned or faded board. */
  within(place: { x?: number; y?: number; angle?: number; alpha?: number }, draw: () => void): void {
    const c = this.context;
    c.save();
    c.translate(place.x ?? 0, place.y ?? 0);
    c.rotate(place.angle ?? 0);
    c.globalAlpha *= place.alpha ?? 1;
    draw();
    c.restore();
  }
}

export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;
