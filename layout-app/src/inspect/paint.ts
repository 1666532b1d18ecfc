import type { Color } from "./color";
import { readColor } from "./color";

let canvas: CanvasRenderingContext2D | null = null;

/** A computed colour in sRGB, whatever space it is written in; null for what is no colour. */
export function colorOf(text: string): Color | null {
  const plain = readColor(text);
  if (plain || !CSS.supports("color", text)) return plain;
  canvas ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (!canvas) return null;
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  const [r = 0, g = 0, b = 0, a = 0] = canvas.getImageData(0, 0, 1, 1).data;
  return { r, g, b, a: a / 255 };
}
