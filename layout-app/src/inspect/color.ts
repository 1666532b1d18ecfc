/** A colour as the browser computes it: channels 0 to 255, alpha 0 to 1. */
export interface Color {
  readonly r: number;
  readonly g: number;
  readonly b: number;
  readonly a: number;
}

export const BLACK: Color = { r: 0, g: 0, b: 0, a: 1 };
export const WHITE: Color = { r: 255, g: 255, b: 255, a: 1 };

/** Reads `rgb(…)`, `rgba(…)` and `color(srgb …)`, which is all that `getComputedStyle` answers for colours of sRGB; null for others. */
export function readColor(text: string): Color | null {
  const parts = /^(rgba?|color)\((?:srgb )?([^)]*)\)$/.exec(text);
  if (!parts) return null;
  const unit = parts[1] === "color" ? 255 : 1;
  const numbers = (parts[2] ?? "").split(/[\s,/]+/).map((part) => Number.parseFloat(part));
  const [r, g, b, a = 1] = numbers;
  if (r === undefined || g === undefined || b === undefined || numbers.some(Number.isNaN)) return null;
  return { r: r * unit, g: g * unit, b: b * unit, a };
}

/** What is seen where `upper` lies over `lower`, which is opaque. */
export function over(upper: Color, lower: Color): Color {
  const mix = (high: number, low: number) => high * upper.a + low * (1 - upper.a);
  return { r: mix(upper.r, lower.r), g: mix(upper.g, lower.g), b: mix(upper.b, lower.b), a: 1 };
}

/** Contrast of two opaque colours by WCAG 2.2: 1 to 21. */
export function contrast(one: Color, other: Color): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function luminance({ r, g, b }: Color): number {
  const linear = (channel: number) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}
