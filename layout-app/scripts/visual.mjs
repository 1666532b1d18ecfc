// The visual suite: every layout with 1, 2, 4, 9 and 25 people in 16:9 and 9:16, compared with the approved pictures in visual/, and
// looked at for text that is cut, small, faint, or upon other text. `npm run visual [NAME…]`; `npm run visual -- --approve [NAME…]`
// makes new ones after a change that was meant. Needs a built dist/ and Chromium; what differs is left in shots/visual/.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compare } from "./compare.mjs";
import { inspector, openStudio, ROOT } from "./studio.mjs";

const LAYOUTS = ["grid", "speaker", "single-speaker", "screen", "interview", "podcast", "pip"];
const FRAMES = { wide: [1280, 720], upright: [720, 1280] };
const PEOPLE = [1, 2, 4, 9, 25];
/** Pictures are kept at a quarter of the frame. */
const SCALE = 0.25;
/** Pages that are open at a time. */
const AT_ONCE = 3;
/** By how much a tile is moved to see that it is noticed, in pixels of the frame. */
const NUDGE_PX = 14;
const APPROVED = join(ROOT, "visual");
const DIFFERENT = join(ROOT, "shots", "visual");

const all = LAYOUTS.flatMap((layout) =>
  PEOPLE.flatMap((people) =>
    Object.entries(FRAMES).map(([frame, [width, height]]) => ({
      name: `${layout}-${people}-${frame}`,
      width,
      height,
      query: [
        `people=${people}&layout=${layout}&speaker=${people > 1 ? 1 : 0}&fps=4&frozen&still`,
        `off=${[3, 6, 13, 20].filter((at) => at < people).join()}`,
        ...(layout === "screen" ? ["share=0"] : []),
      ].join("&"),
    })),
  ),
);

const approves = process.argv.includes("--approve");
const names = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const wanted = all.filter(({ name }) => names.length === 0 || names.includes(name));
const faults = [];
const began = Date.now();
await rm(DIFFERENT, { recursive: true, force: true });
await mkdir(approves ? APPROVED : DIFFERENT, { recursive: true });
const looks = await inspector(0);
const studio = await openStudio();
try {
  const queue = [...wanted];
  const worker = async () => {
    for (let state = queue.shift(); state; state = queue.shift()) await examine(state);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (!approves && names.length === 0) await proveThatItNotices(all.find(({ name }) => name === "grid-4-wide"));
} finally {
  await studio.close();
}
for (const fault of faults.sort()) console.error(fault);
const seconds = ((Date.now() - began) / 1000).toFixed(0);
console.log(
  approves
    ? `${wanted.length} pictures are approved, in ${seconds} s: look at them before they are checked in.`
    : `${wanted.length} pictures, ${faults.length} faults, in ${seconds} s.`,
);
process.exitCode = faults.length > 0 ? 1 : 0;

async function shoot({ name, query, width, height }, inspect) {
  const clip = { x: 0, y: 0, width, height, scale: SCALE };
  const shown = { format: "webp", quality: 82, clip };
  return studio.shoot(name, { query, width, height, settledMs: 350, shown }, inspect);
}

async function examine(state) {
  const { name } = state;
  const { png: fresh, seen } = await shoot(state, looks);
  for (const { element, text, detail } of seen ?? [{ element: "it", text: "", detail: "can't be looked at" }]) {
    faults.push(`${name}: ${element} “${text}”: ${detail}`);
  }
  const file = join(APPROVED, `${name}.webp`);
  if (approves) {
    await writeFile(file, fresh);
    return;
  }
  const approved = await readFile(file).catch(() => null);
  if (!approved) {
    faults.push(`${name}: there is no approved picture; look at it, and make approve`);
    return;
  }
  const { same, different, worst } = await compared(approved, fresh, state);
  if (same) return;
  await writeFile(join(DIFFERENT, `${name}-approved.webp`), approved);
  await writeFile(join(DIFFERENT, `${name}-fresh.webp`), fresh);
  const where = `most at ${worst.x / SCALE},${worst.y / SCALE} of the frame`;
  faults.push(
    `${name}: ${(100 * different).toFixed(1)} % of it differs from the approved picture, ${where}: see shots/visual/`,
  );
}

async function compared(approved, fresh, { width, height }) {
  const size = { width: width * SCALE, height: height * SCALE };
  const [one, other] = await studio.decode([approved, fresh], size);
  return compare(one, other, size.width, size.height);
}

/** A suite that can't fail is none: a tile that is moved a little has to be a difference. */
async function proveThatItNotices(state) {
  const nudge = `document.querySelector(".tile").style.translate = "${NUDGE_PX}px 0"; new Promise(requestAnimationFrame)`;
  const { png: nudged } = await shoot(state, nudge);
  const { same } = await compared(await readFile(join(APPROVED, `${state.name}.webp`)), nudged, state);
  if (same) faults.push(`a tile that was moved by ${NUDGE_PX} px was not noticed: the comparison is too lenient`);
}
