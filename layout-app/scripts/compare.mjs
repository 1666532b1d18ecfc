// Whether two pictures show the same: by structure (SSIM) in small windows, after a blur that makes letters of two fonts alike.
// Fonts, codecs and browsers may differ a little; a tile that has moved may not.

/** Side of a window in pixels, and the distance between two. */
const WINDOW = 12;
const STEP = 4;
/** So much of a window's structure must be kept… */
const LEAST_SIMILAR = 0.55;
/** …but for this part of the windows: a word in another font is a few of them. */
const MOST_DIFFERENT = 0.006;
/** Colours of windows may differ by this much of 255. */
const MOST_TINT = 14;
/** The constants of SSIM for brightness from 0 to 255. */
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/** Compares two pictures of one size, bytes of RGBA. `different` is the part of the windows that differ, 0 to 1. */
export function compare(one, other, width, height) {
  const [a, b] = [blurred(luma(one), width, height), blurred(luma(other), width, height)];
  let [windows, different, sum, worst] = [0, 0, 0, { similarity: 1, x: 0, y: 0 }];
  for (let y = 0; y + WINDOW <= height; y += STEP) {
    for (let x = 0; x + WINDOW <= width; x += STEP) {
      const similarity = ssim(a, b, width, x, y);
      const tint = tintOf(one, other, width, x, y);
      windows += 1;
      sum += similarity;
      if (similarity < LEAST_SIMILAR || tint > MOST_TINT) different += 1;
      if (similarity < worst.similarity) worst = { similarity, x, y };
    }
  }
  return { same: different / windows <= MOST_DIFFERENT, different: different / windows, mean: sum / windows, worst };
}

function luma(rgba) {
  const out = new Float32Array(rgba.length / 4);
  for (let at = 0; at < out.length; at += 1) {
    out[at] = 0.2126 * rgba[4 * at] + 0.7152 * rgba[4 * at + 1] + 0.0722 * rgba[4 * at + 2];
  }
  return out;
}

/** The mean of three by three. */
function blurred(from, width, height) {
  const out = new Float32Array(from.length);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let [sum, count] = [0, 0];
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v += 1) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u += 1) {
          sum += from[v * width + u];
          count += 1;
        }
      }
      out[y * width + x] = sum / count;
    }
  }
  return out;
}

function ssim(a, b, width, x, y) {
  const n = WINDOW * WINDOW;
  let [sumA, sumB, sumAA, sumBB, sumAB] = [0, 0, 0, 0, 0];
  for (let v = y; v < y + WINDOW; v += 1) {
    for (let u = x; u < x + WINDOW; u += 1) {
      const [p, q] = [a[v * width + u], b[v * width + u]];
      sumA += p;
      sumB += q;
      sumAA += p * p;
      sumBB += q * q;
      sumAB += p * q;
    }
  }
  const [meanA, meanB] = [sumA / n, sumB / n];
  const [varA, varB, cov] = [sumAA / n - meanA ** 2, sumBB / n - meanB ** 2, sumAB / n - meanA * meanB];
  return ((2 * meanA * meanB + C1) * (2 * cov + C2)) / ((meanA ** 2 + meanB ** 2 + C1) * (varA + varB + C2));
}

/** By how much the mean colours of a window differ, at the channel that differs most. */
function tintOf(one, other, width, x, y) {
  const sums = [0, 0, 0];
  for (let v = y; v < y + WINDOW; v += 1) {
    for (let u = x; u < x + WINDOW; u += 1) {
      const at = 4 * (v * width + u);
      for (let channel = 0; channel < 3; channel += 1) sums[channel] += one[at + channel] - other[at + channel];
    }
  }
  return Math.max(...sums.map(Math.abs)) / (WINDOW * WINDOW);
}
