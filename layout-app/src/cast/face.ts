import { drawBackdrop } from "./backdrop";
import { Brush, type Context } from "./brush";
import { drawHairBehind, drawHairInFront } from "./hair";
import type { Look } from "./look";
import type { Pose } from "./pose";

/** Where the face stands in a picture, and how large a unit of the drawing is in pixels. */
interface Framing {
  x: number;
  y: number;
  unit: number;
}

/** The face is in the middle, a little above half: as people sit before a camera. */
function framing(width: number, height: number): Framing {
  const unit = Math.min(width / 300, height / 300);
  return { x: width / 2, y: height / 2 - 26 * unit, unit };
}

/** What does not move: drawn once. */
export function drawRoom(context: Context, look: Look, seed: number, width: number, height: number): void {
  onBoard(context, width, height, (brush) => drawBackdrop(brush, look.backdrop, look.scheme, seed));
}

/** The participant in this pose, over whatever is there. */
export function drawPerson(context: Context, look: Look, pose: Pose, width: number, height: number): void {
  onBoard(context, width, height, (brush) => {
    const w = look.faceWidth;
    // The neck is where head and shoulders turn against each other.
    const head = (draw: () => void) =>
      brush.within({ x: pose.x * 0.3, y: 70 }, () =>
        brush.within({ angle: pose.tilt }, () => brush.within({ x: pose.x * 0.7, y: pose.y - 70 }, draw)),
      );
    head(() => drawHairBehind(brush, look, w));
    brush.within({ x: pose.x * 0.25, y: pose.y * 0.2 }, () => drawShoulders(brush, look));
    head(() => drawHead(brush, look, pose, w));
  });
}

function onBoard(context: Context, width: number, height: number, draw: (brush: Brush) => void): void {
  const { x, y, unit } = framing(width, height);
  context.save();
  context.translate(x, y);
  context.scale(unit, unit);
  draw(new Brush(context));
  context.restore();
}

function drawShoulders(brush: Brush, look: Look): void {
  const { style, color, inner } = look.clothes;
  const torso = () =>
    brush.fill(color, (c) => {
      c.moveTo(-132, 700);
      c.lineTo(-128, 178);
      c.bezierCurveTo(-122, 122, -80, 108, -34, 98);
      c.lineTo(34, 98);
      c.bezierCurveTo(80, 108, 122, 122, 128, 178);
      c.lineTo(132, 700);
    });
  if (style === "hoodie") {
    brush.oval(color, 0, 98, 72, 30);
    brush.within({ alpha: 0.18 }, () => brush.oval("#000000", 0, 98, 72, 30));
  }
  torso();
  brush.fill(look.skin.shade, (c) => {
    c.moveTo(-24, 40);
    c.lineTo(-25, 96);
    c.bezierCurveTo(-22, 122, 22, 122, 25, 96);
    c.lineTo(24, 40);
  });
  switch (style) {
    case "tee":
      brush.stroke(color, 7, (c) => c.arc(0, 92, 29, 0.12 * Math.PI, 0.88 * Math.PI));
      brush.within({ alpha: 0.16 }, () =>
        brush.stroke("#000000", 2.5, (c) => c.arc(0, 92, 34, 0.14 * Math.PI, 0.86 * Math.PI)),
      );
      break;
    case "shirt":
      collar(brush, color, "#ffffff");
      brush.within({ alpha: 0.18 }, () =>
        brush.stroke("#000000", 2.5, (c) => {
          c.moveTo(0, 132);
          c.lineTo(0, 400);
        }),
      );
      for (const y of [150, 178]) brush.circle(inner, 6, y, 2.6);
      break;
    case "hoodie":
      brush.stroke(color, 12, (c) => c.arc(0, 84, 38, 0.1 * Math.PI, 0.9 * Math.PI));
      for (const side of [-1, 1]) {
        brush.stroke(inner, 3.5, (c) => {
          c.moveTo(side * 18, 122);
          c.quadraticCurveTo(side * 22, 144, side * 17, 166);
        });
      }
      break;
    case "turtleneck":
      brush.box(color, -30, 72, 60, 44, 12);
      brush.within({ alpha: 0.14 }, () => brush.box("#000000", -30, 92, 60, 5, 2.5));
      break;
    case "blazer":
      brush.fill(inner, (c) => {
        c.moveTo(-28, 98);
        c.quadraticCurveTo(0, 128, 28, 98);
        c.lineTo(6, 210);
        c.lineTo(-6, 210);
      });
      for (const side of [-1, 1]) {
        brush.within({ alpha: 0.2 }, () =>
          brush.fill("#000000", (c) => {
            c.moveTo(side * 30, 97);
            c.lineTo(side * 56, 130);
            c.lineTo(side * 42, 142);
            c.lineTo(side * 4, 212);
          }),
        );
      }
      break;
  }
}

function collar(brush: Brush, color: string, tint: string): void {
  for (const side of [-1, 1]) {
    const wing = (c: Context) => {
      c.moveTo(side * 25, 88);
      c.lineTo(side * 42, 110);
      c.lineTo(side * 26, 138);
      c.lineTo(0, 116);
    };
    brush.fill(color, wing);
    brush.within({ alpha: 0.22 }, () => brush.fill(tint, wing));
  }
}

function drawHead(brush: Brush, look: Look, pose: Pose, w: number): void {
  const { skin } = look;
  const scarf = look.hair.style === "scarf";
  if (!scarf) {
    for (const side of [-1, 1]) {
      brush.oval(skin.base, side * (w + 2), 6, 11, 15);
      brush.oval(skin.shade, side * (w + 3), 7, 5.5, 9);
      if (look.extra === "earrings") brush.circle("#f3c95b", side * (w + 4), 25, 4.2);
    }
  }
  brush.fill(skin.base, (c) => faceOutline(c, w));
  brush.within({ alpha: 0.34 }, () => {
    for (const side of [-1, 1]) brush.oval(skin.blush, side * (w - 17), 26, 11, 7.5);
  });
  drawBeard(brush, look, w);
  if (look.freckles) {
    for (const side of [-1, 1]) {
      for (const [x, y] of [
        [24, 19],
        [31, 22],
        [27, 27],
        [35, 17],
      ] as const) {
        brush.circle(skin.shade, side * x, y, 1.5);
      }
    }
  }
  drawMouth(brush, look, pose);
  brush.stroke(skin.shade, 4, (c) => {
    c.moveTo(-1 + pose.gaze, 8);
    c.quadraticCurveTo(8 + pose.gaze, 22, -4 + pose.gaze, 23);
  });
  drawEyes(brush, look, pose);
  drawHairInFront(brush, look, w);
  if (look.extra === "headphones") drawHeadphones(brush, look, w);
}

function faceOutline(c: Context, w: number): void {
  c.moveTo(-w, -14);
  c.bezierCurveTo(-w, -88, w, -88, w, -14);
  c.bezierCurveTo(w + 2, 34, w - 16, 68, 0, 70);
  c.bezierCurveTo(-w + 16, 68, -w - 2, 34, -w, -14);
}

function drawEyes(brush: Brush, look: Look, pose: Pose): void {
  for (const side of [-1, 1]) {
    const x = side * 22;
    if (pose.eyes < 0.25) {
      brush.stroke(look.iris, 3.5, (c) => {
        c.moveTo(x - 9, 2);
        c.quadraticCurveTo(x, 7, x + 9, 2);
      });
    } else {
      brush.oval("#ffffff", x, 0, 10.5, 9.5 * pose.eyes);
      brush.oval(look.iris, x + pose.gaze * 3.2, 0.5, 6.6, Math.min(7, 9 * pose.eyes));
      brush.circle("#ffffff", x + pose.gaze * 3.2 + 2.2, -2.4, 2.1);
      brush.stroke(look.brow, 3, (c) => {
        c.moveTo(x - 11, -1 - 7 * pose.eyes + 2);
        c.quadraticCurveTo(x, -5 - 8 * pose.eyes + 2, x + 11, -1 - 7 * pose.eyes + 2);
      });
    }
    const lift = 4 * pose.brows;
    brush.stroke(look.brow, look.beard === "none" ? 4.5 : 6, (c) => {
      c.moveTo(x - side * 10, -20 - lift);
      c.quadraticCurveTo(x + side * 2, -27 - lift, x + side * 13, -20 - lift * 0.6);
    });
    if (look.glasses !== "none") {
      const round = look.glasses === "round";
      brush.within({ alpha: 0.14 }, () => brush.box("#ffffff", x - 17, -15, 34, 31, round ? 16 : 8));
      brush.stroke("#2c2a33", 3, (c) => c.roundRect(x - 17, -15, 34, 31, round ? 15.5 : 8));
      brush.stroke("#2c2a33", 3, (c) => {
        c.moveTo(side * 39, -4);
        c.lineTo(side * (look.faceWidth + 1), -7);
      });
    }
  }
  if (look.glasses !== "none") {
    brush.stroke("#2c2a33", 3, (c) => {
      c.moveTo(-5, -2);
      c.quadraticCurveTo(0, -6, 5, -2);
    });
  }
}

/** From a closed smile to a round open mouth with teeth and tongue. */
function drawMouth(brush: Brush, look: Look, pose: Pose): void {
  const y = 41;
  const open = pose.mouth;
  const half = 17 - 4 * open;
  if (open < 0.08) {
    brush.stroke(look.skin.lips, 4.2, (c) => {
      c.moveTo(-half, y - 1);
      c.quadraticCurveTo(0, y + 11, half, y - 1);
    });
    return;
  }
  const drop = 5 + 17 * open;
  const inside = (c: Context) => {
    c.moveTo(-half, y - 2);
    c.quadraticCurveTo(0, y - 2 - 3 * open, half, y - 2);
    c.bezierCurveTo(half, y + drop, -half, y + drop, -half, y - 2);
  };
  const c = brush.context;
  brush.fill("#5b1a22", inside);
  c.save();
  c.beginPath();
  inside(c);
  c.clip();
  brush.box("#ffffff", -half, y - 6, 2 * half, 4 + 4 * open, 3);
  brush.oval("#e2737c", 0, y + drop * 0.82, half * 0.7, drop * 0.3);
  c.restore();
  brush.stroke(look.skin.lips, 3.2, (path) => {
    inside(path);
    path.closePath();
  });
}

function drawBeard(brush: Brush, look: Look, w: number): void {
  const { color } = look.hair;
  const full = (c: Context) => {
    c.moveTo(-w - 1, -6);
    c.bezierCurveTo(-w - 2, 46, -w + 12, 80, 0, 82);
    c.bezierCurveTo(w - 12, 80, w + 2, 46, w + 1, -6);
    c.bezierCurveTo(w - 8, 16, w - 14, 30, 22, 29);
    c.quadraticCurveTo(0, 24, -22, 29);
    c.bezierCurveTo(-w + 14, 30, -w + 8, 16, -w - 1, -6);
  };
  switch (look.beard) {
    case "none":
      return;
    case "full":
      brush.fill(color, full);
      brush.oval(look.skin.base, 0, 44, 22, 11);
      return;
    case "stubble": {
      // A shadow on the skin, so it ends where the face does.
      const c = brush.context;
      c.save();
      c.beginPath();
      faceOutline(c, w);
      c.clip();
      brush.within({ alpha: 0.26 }, () => brush.fill(color, full));
      c.restore();
      return;
    }
    case "moustache":
      brush.fill(color, (c) => {
        c.moveTo(0, 27);
        c.bezierCurveTo(14, 22, 26, 30, 30, 39);
        c.bezierCurveTo(18, 38, 8, 37, 0, 33);
        c.bezierCurveTo(-8, 37, -18, 38, -30, 39);
        c.bezierCurveTo(-26, 30, -14, 22, 0, 27);
      });
  }
}

function drawHeadphones(brush: Brush, look: Look, w: number): void {
  brush.stroke("#2c2f3a", 8, (c) => c.arc(0, -6, w + 11, 1.06 * Math.PI, 1.94 * Math.PI));
  for (const side of [-1, 1]) {
    brush.box("#2c2f3a", side * (w + 8) - 10, -14, 20, 40, 10);
    brush.box(look.scheme.accent, side * (w + 12) - 4, -6, 8, 24, 4);
  }
}
