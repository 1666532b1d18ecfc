import type { Watermark } from "../contract";
import type { Size } from "../stage";
import type { Bands } from "./brand";
import { image } from "./brand";

/** A translucent image in a corner, over everything. */
export function watermark(
  { image: source, corner, opacity, width }: Watermark,
  bands: Bands,
  viewport: Size,
): HTMLElement {
  const shorter = Math.min(viewport.width, viewport.height);
  const margin = Math.round(shorter / 30);
  const made = image(source, "watermark");
  const [vertical, horizontal] = corner.split("-") as ["top" | "bottom", "left" | "right"];
  made.style[horizontal] = `${margin}px`;
  made.style[vertical] = `${margin + bands[vertical]}px`;
  made.style.width = `${Math.round((shorter * width) / 100)}px`;
  made.style.opacity = String(opacity / 100);
  return made;
}
