/** A rectangle in the frame, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export function intersection(one: Box, other: Box): Box {
  return {
    left: Math.max(one.left, other.left),
    top: Math.max(one.top, other.top),
    right: Math.min(one.right, other.right),
    bottom: Math.min(one.bottom, other.bottom),
  };
}

export function union(boxes: readonly Box[]): Box {
  return {
    left: Math.min(...boxes.map(({ left }) => left)),
    top: Math.min(...boxes.map(({ top }) => top)),
    right: Math.max(...boxes.map(({ right }) => right)),
    bottom: Math.max(...boxes.map(({ bottom }) => bottom)),
  };
}

/** Whether anything of it is left when `margin` is taken off. */
export function isWide(box: Box, margin: number): boolean {
  return box.right - box.left > margin && box.bottom - box.top > margin;
}

/** At which sides of `outer` more than `slack` of `inner` is outside. */
export function beyond(inner: Box, outer: Box, slack: number): string[] {
  return [
    ...(inner.left < outer.left - slack ? ["left"] : []),
    ...(inner.top < outer.top - slack ? ["top"] : []),
    ...(inner.right > outer.right + slack ? ["right"] : []),
    ...(inner.bottom > outer.bottom + slack ? ["bottom"] : []),
  ];
}
