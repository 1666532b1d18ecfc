import type { Brush } from "./brush";
import type { Look } from "./look";

/** Hair behind the head. `w` is half the width of the face. */
export function drawHairBehind(brush: Brush, look: Look, w: number): void {
  const { style, color, shine } = look.hair;
  switch (style) {
    case "bob":
      brush.fill(color, (c) => {
        c.moveTo(-w - 14, 20);
        c.bezierCurveTo(-w - 26, -110, w + 26, -110, w + 14, 20);
        c.bezierCurveTo(w + 20, 62, w + 2, 66, w - 14, 62);
        c.lineTo(-w + 14, 62);
        c.bezierCurveTo(-w - 2, 66, -w - 20, 62, -w - 14, 20);
      });
      break;
    case "long":
      brush.fill(color, (c) => {
        c.moveTo(-w - 10, 0);
        c.bezierCurveTo(-w - 22, -112, w + 22, -112, w + 10, 0);
        c.bezierCurveTo(w + 16, 70, w + 22, 110, w + 12, 148);
        c.lineTo(-w - 12, 148);
        c.bezierCurveTo(-w - 22, 110, -w - 16, 70, -w - 10, 0);
      });
      break;
    case "waves":
      for (const side of [-1, 1]) {
        for (const [x, y, r] of [
          [w - 6, -30, 30],
          [w + 3, 4, 27],
          [w - 1, 40, 29],
          [w + 8, 76, 27],
          [w + 2, 108, 25],
        ] as const) {
          brush.circle(color, side * x, y, r);
        }
      }
      brush.box(color, -w - 18, -30, 2 * w + 36, 140, 26);
      brush.oval(color, 0, -34, w + 14, 58);
      break;
    case "afro":
      brush.circle(color, 0, -38, w + 36);
      for (let i = 0; i < 13; i++) {
        const angle = Math.PI * (0.88 + (i / 12) * 1.24);
        brush.circle(color, (w + 30) * Math.cos(angle), -38 + (w + 30) * Math.sin(angle), 17);
      }
      break;
    case "bun":
      brush.circle(color, 0, -94, 27);
      brush.circle(shine, -7, -101, 9);
      brush.oval(color, 0, -20, w + 8, 62);
      break;
    case "scarf":
      brush.fill(color, (c) => {
        c.moveTo(-w - 14, 0);
        c.bezierCurveTo(-w - 24, -108, w + 24, -108, w + 14, 0);
        c.bezierCurveTo(w + 24, 60, w + 40, 96, w + 30, 150);
        c.lineTo(-w - 30, 150);
        c.bezierCurveTo(-w - 40, 96, -w - 24, 60, -w - 14, 0);
      });
      break;
    case "curls":
      brush.oval(color, 0, -30, w + 10, 52);
      break;
    default:
      break;
  }
}

/** Hair over the forehead. */
export function drawHairInFront(brush: Brush, look: Look, w: number): void {
  const { style, color, shine } = look.hair;
  switch (style) {
    case "crop":
      cap(brush, color, w, -22, -34);
      brush.fill(shine, (c) => {
        c.moveTo(-w * 0.5, -66);
        c.quadraticCurveTo(0, -84, w * 0.55, -66);
        c.quadraticCurveTo(0, -74, -w * 0.5, -66);
      });
      break;
    case "quiff":
      cap(brush, color, w, -16, -40);
      brush.fill(color, (c) => {
        c.moveTo(-w + 4, -38);
        c.bezierCurveTo(-w + 4, -86, -10, -106, 34, -96);
        c.bezierCurveTo(w + 10, -88, w + 4, -58, w - 2, -36);
        c.bezierCurveTo(w - 14, -56, 8, -44, -w + 4, -38);
      });
      brush.stroke(shine, 5, (c) => {
        c.moveTo(-28, -66);
        c.quadraticCurveTo(-4, -84, 30, -82);
      });
      break;
    case "bob":
    case "long":
      parting(brush, color, shine, w, style === "bob" ? -0.35 : 0);
      break;
    case "waves":
      parting(brush, color, shine, w, 0.4);
      break;
    case "bun":
      cap(brush, color, w, -10, -44);
      brush.stroke(shine, 4, (c) => {
        c.moveTo(-24, -58);
        c.quadraticCurveTo(0, -72, 24, -58);
      });
      break;
    case "afro":
      brush.fill(color, (c) => {
        c.moveTo(-w - 4, -4);
        c.bezierCurveTo(-w - 6, -104, w + 6, -104, w + 4, -4);
        c.bezierCurveTo(w - 6, -30, w - 20, -44, 0, -44);
        c.bezierCurveTo(-w + 20, -44, -w + 6, -30, -w - 4, -4);
      });
      break;
    case "curls":
      for (const [x, y, r] of [
        [-w + 2, -22, 14],
        [-w + 8, -44, 18],
        [-24, -62, 21],
        [6, -68, 22],
        [34, -58, 19],
        [w - 6, -42, 17],
        [w - 1, -22, 14],
        [-8, -50, 16],
        [18, -50, 15],
      ] as const) {
        brush.circle(color, x, y, r);
      }
      for (const [x, y] of [
        [-28, -68],
        [8, -76],
        [36, -62],
      ] as const) {
        brush.stroke(shine, 3.5, (c) => c.arc(x, y, 8, Math.PI, 1.8 * Math.PI));
      }
      break;
    case "shaved":
      brush.within({ alpha: 0.55 }, () => cap(brush, color, w, -24, -42));
      break;
    case "scarf":
      brush.fill(color, (c) => {
        c.moveTo(-w - 10, 30);
        c.bezierCurveTo(-w - 16, -104, w + 16, -104, w + 10, 30);
        c.bezierCurveTo(w + 8, 60, w + 2, 84, 0, 96);
        c.bezierCurveTo(-w - 2, 84, -w - 8, 60, -w - 10, 30);
        // The face stays open: wound the other way round.
        c.ellipse(0, 4, w - 5, 62, 0, 0, 2 * Math.PI, true);
      });
      brush.stroke(shine, 3, (c) => {
        c.moveTo(-w + 4, -48);
        c.quadraticCurveTo(0, -82, w - 4, -48);
      });
      break;
  }
}

/** Hair close to the skull, down to `temple` at the sides and `line` in the middle of the forehead. */
function cap(brush: Brush, color: string, w: number, temple: number, line: number): void {
  brush.fill(color, (c) => {
    c.moveTo(-w - 3, temple + 16);
    c.bezierCurveTo(-w - 8, -96, w + 8, -96, w + 3, temple + 16);
    c.quadraticCurveTo(w - 5, line - 2, w - 18, line);
    c.quadraticCurveTo(0, line - 14, -w + 18, line);
    c.quadraticCurveTo(-w + 5, line - 2, -w - 3, temple + 16);
  });
}

/** Hair that falls to both sides from a parting at `at` (-1 left, 1 right). */
function parting(brush: Brush, color: string, shine: string, w: number, at: number): void {
  const x = at * w;
  brush.fill(color, (c) => {
    c.moveTo(x, -56);
    c.bezierCurveTo(x - 18, -30, -w + 4, -26, -w - 2, 26);
    c.bezierCurveTo(-w - 24, -40, -w + 2, -94, 0, -94);
    c.bezierCurveTo(w - 2, -94, w + 24, -40, w + 2, 26);
    c.bezierCurveTo(w - 4, -26, x + 18, -30, x, -56);
  });
  brush.stroke(shine, 4, (c) => {
    c.moveTo(-w * 0.72, -50);
    c.quadraticCurveTo(-w * 0.5, -74, -w * 0.1, -80);
  });
}
