import plan from "./plan";

/**
 * The row of cells, from left to right, true for white:
 *
 *     white · black · Gray code, highest bit first · parity of the code · white
 *
 * The fixed cells tell a decoder what white and black look like after encoding. In Gray code neighbouring numbers differ
 * in one cell, so that a frame caught half painted reads as one of the two and not as a third.
 */
export function cells(count: number): boolean[] {
  const wrapped = count % 2 ** plan.counter.bits;
  const gray = wrapped ^ (wrapped >> 1);
  const bits = Array.from({ length: plan.counter.bits }, (_, i) => ((gray >> (plan.counter.bits - 1 - i)) & 1) === 1);
  const parity = bits.filter(Boolean).length % 2 === 1;
  return [true, false, ...bits, parity, true];
}
