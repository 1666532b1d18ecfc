import type { Brush } from "./brush";
import type { Backdrop, Scheme } from "./look";
import { between, pick, random } from "./random";

/** Half the width of every room: more than the widest picture shows. */
const HALF = 420;

/** The room behind a participant, on a board whose origin is the middle of the face. */
export function drawBackdrop(brush: Brush, backdrop: Backdrop, scheme: Scheme, seed: number): void {
  brush.box(scheme.wall, -HALF, -500, 2 * HALF, 1200);
  brush.box(scheme.shade, -HALF, 120, 2 * HALF, 600);
  ROOMS[backdrop](brush, scheme, seed);
}

const ROOMS: Record<Backdrop, (brush: Brush, scheme: Scheme, seed: number) => void> = {
  shelf(brush, scheme, seed) {
    const next = random(seed + 11);
    const spines = [scheme.accent, scheme.light, "#5d7f99", "#c9a15a", "#8c5a6b", "#6a8f6f"] as [string, ...string[]];
    for (const y of [-98, -10, 78]) {
      for (const side of [-1, 1]) {
        const left = side < 0 ? -315 : 96;
        brush.box(scheme.wood, left - 6, y, 230, 8, 3);
        for (let x = left; x < left + 190;) {
          const width = between(next, 10, 19);
          const height = between(next, 42, 64);
          if (next() < 0.16) {
            brush.circle(pick(next, spines), x + 16, y - 16, 16);
            x += 40;
            continue;
          }
          brush.box(pick(next, spines), x, y - height, width, height, 2);
          x += width + (next() < 0.12 ? 14 : 2);
        }
      }
    }
  },

  window(brush, scheme) {
    for (const x of [-300, 118]) {
      brush.box(scheme.light, x - 8, -138, 186, 216, 10);
      brush.box("#a8d8ee", x, -130, 170, 200, 4);
      brush.oval("#8fc487", x + 40, 74, 90, 46);
      brush.oval("#79b377", x + 140, 80, 80, 40);
      brush.box("#a8d8ee00", x, 60, 170, 10);
      brush.circle("#ffffff", x + 60, -70, 18);
      brush.circle("#ffffff", x + 84, -78, 24);
      brush.circle("#ffffff", x + 108, -70, 17);
      brush.box(scheme.light, x + 81, -130, 8, 200);
      brush.box(scheme.light, x, -34, 170, 8);
      brush.box(scheme.light, x - 16, 68, 202, 14, 4);
      brush.box(scheme.shade, x - 8, 82, 186, 60);
    }
  },

  plant(brush, scheme) {
    frame(brush, -252, -112, 92, 116, scheme);
    frame(brush, -140, -132, 60, 76, scheme);
    brush.box(scheme.accent, 178, 78, 84, 120, 10);
    const leaf = (angle: number, length: number, color: string) =>
      brush.within({ x: 220, y: 80, angle }, () =>
        brush.fill(color, (c) => {
          c.moveTo(0, 0);
          c.quadraticCurveTo(-30, -length * 0.55, 0, -length);
          c.quadraticCurveTo(30, -length * 0.55, 0, 0);
        }),
      );
    leaf(-0.95, 120, "#4c8a5b");
    leaf(0.95, 118, "#4c8a5b");
    leaf(-0.5, 150, "#5fa06b");
    leaf(0.48, 152, "#5fa06b");
    leaf(0, 172, "#70b27b");
  },

  arches(brush, scheme) {
    const arch = (x: number, width: number, top: number, color: string) =>
      brush.fill(color, (c) => {
        c.moveTo(x - width, 400);
        c.lineTo(x - width, top + width);
        c.arc(x, top + width, width, Math.PI, 0);
        c.lineTo(x + width, 400);
      });
    arch(-190, 122, -112, scheme.shade);
    arch(-190, 86, -68, scheme.light);
    arch(-190, 50, -22, scheme.accent);
    brush.circle(scheme.light, 212, -66, 58);
    brush.circle(scheme.accent, 212, -66, 36);
    arch(236, 74, 46, scheme.shade);
  },

  lamp(brush, scheme) {
    brush.within({ alpha: 0.55 }, () => {
      brush.circle(scheme.light, 214, -40, 118);
    });
    brush.box(scheme.wood, 211, -10, 6, 300);
    brush.fill(scheme.accent, (c) => {
      c.moveTo(184, -78);
      c.lineTo(244, -78);
      c.lineTo(268, -6);
      c.lineTo(160, -6);
    });
    brush.box(scheme.accent, -330, 62, 190, 240, 34);
    brush.box(scheme.wood, -344, 96, 40, 240, 20);
    frame(brush, -262, -122, 120, 86, scheme);
  },

  pinboard(brush, scheme, seed) {
    const next = random(seed + 23);
    brush.box(scheme.wood, -318, -134, 208, 170, 8);
    brush.box(scheme.light, -310, -126, 192, 154, 4);
    const notes = ["#ffe28a", "#a7d8f0", "#ffb8a8", "#bfe3b0"] as [string, ...string[]];
    for (let i = 0; i < 8; i++) {
      const x = -292 + (i % 4) * 44;
      const y = -110 + Math.floor(i / 4) * 66;
      brush.within({ x: x + 18, y: y + 20, angle: between(next, -0.09, 0.09) }, () =>
        brush.box(pick(next, notes), -18, -20, 36, 42, 2),
      );
    }
    brush.circle(scheme.light, 206, -74, 46);
    brush.circle(scheme.wall, 206, -74, 39);
    brush.stroke(scheme.wood, 5, (c) => {
      c.moveTo(206, -100);
      c.lineTo(206, -74);
      c.lineTo(224, -64);
    });
    brush.box(scheme.wood, 128, 84, 230, 9, 3);
    brush.box(scheme.accent, 160, 44, 34, 40, 5);
    brush.box(scheme.light, 202, 30, 18, 54, 2);
    brush.box("#5d7f99", 222, 36, 15, 48, 2);
    brush.box(scheme.accent, 239, 28, 20, 56, 2);
  },
};

/** A picture on the wall: hills under a sun. */
function frame(brush: Brush, x: number, y: number, width: number, height: number, scheme: Scheme): void {
  brush.box(scheme.wood, x - 6, y - 6, width + 12, height + 12, 4);
  brush.box(scheme.light, x, y, width, height, 2);
  const c = brush.context;
  c.save();
  c.beginPath();
  c.rect(x, y, width, height);
  c.clip();
  brush.circle(scheme.accent, x + width * 0.66, y + height * 0.36, width * 0.15);
  brush.oval(scheme.shade, x + width * 0.25, y + height, width * 0.55, height * 0.4);
  brush.oval(scheme.wood, x + width * 0.9, y + height * 1.05, width * 0.5, height * 0.36);
  c.restore();
}
