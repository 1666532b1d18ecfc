// Contact sheets of every layout in every kind of frame, one for each layout, into shots/sheet-LAYOUT.png:
// `npm run build && npm run sheets [LAYOUT…]`. Each picture is inspected too: text that leaves its tile, a name of which less than
// a few letters are to be read, or tiles that leave the frame end the script with an error.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openStudio, ROOT } from "./studio.mjs";

const FRAMES = [
  { name: "16:9", width: 1280, height: 720 },
  { name: "9:16", width: 720, height: 1280 },
  { name: "1:1", width: 720, height: 720 },
];
const PEOPLE = [1, 2, 4, 9, 25];
/** Height of a picture on the sheet. */
const LINES = 360;
/** As many cameras are off as in a usual meeting. */
const usual = (people) => `people=${people}&speaker=1&off=${[4, 6, 13, 20].filter((at) => at < people).join()}&fps=5`;

const SHEETS = Object.fromEntries(
  ["grid", "speaker", "single-speaker", "screen", "interview", "podcast", "pip"].flatMap((layout) => {
    const plain = [layout, (people) => `${usual(people)}&layout=${layout}`];
    const shared = [`${layout}-share`, (people) => `${usual(people)}&layout=${layout}&share=0`];
    return layout === "podcast" ? [plain] : layout === "screen" ? [shared] : [plain, shared];
  }),
);

/** What is wrong with what is drawn, as sentences. Runs in the page. */
const INSPECT = `(() => {
  const faults = [];
  const frame = document.querySelector(".frame").getBoundingClientRect();
  const within = (inner, outer) =>
    inner.left >= outer.left - 1 && inner.top >= outer.top - 1 && inner.right <= outer.right + 1 && inner.bottom <= outer.bottom + 1;
  for (const tile of document.querySelectorAll(".tile")) {
    const box = tile.getBoundingClientRect();
    if (!within(box, frame)) faults.push("a tile leaves the frame");
    for (const text of tile.querySelectorAll(".plate, .avatar__initials, .more__count")) {
      if (text.offsetParent && !within(text.getBoundingClientRect(), box)) faults.push(text.className + " leaves its tile");
    }
    const name = tile.querySelector(".plate__name");
    if (!name) continue;
    const size = parseFloat(getComputedStyle(name).fontSize);
    if (size < 10) faults.push("a name is written in " + size + " px");
    if (name.scrollWidth > name.clientWidth && name.clientWidth < 4.5 * size) faults.push("of " + name.textContent + " hardly anything can be read");
  }
  return faults;
})()`;

const wanted = process.argv.slice(2);
const names = Object.keys(SHEETS).filter((name) => wanted.length === 0 || wanted.includes(name));
await mkdir(join(ROOT, "shots"), { recursive: true });
const studio = await openStudio();
const faults = [];
try {
  for (const name of names) await writeSheet(name);
} finally {
  await studio.close();
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

async function writeSheet(name) {
  const rows = [];
  for (const people of PEOPLE) {
    const cells = [];
    for (const { name: frame, width, height } of FRAMES) {
      const title = `${name}, ${people} in ${frame}`;
      const { png, seen } = await studio.shoot(title, { query: SHEETS[name](people), width, height }, INSPECT);
      faults.push(...seen.map((fault) => `${title}: ${fault}`));
      cells.push(`<img height="${LINES}" src="data:image/png;base64,${png.toString("base64")}">`);
    }
    rows.push(`<div>${cells.join("")}</div>`);
  }
  const widths = FRAMES.map(({ width, height }) => (LINES * width) / height + 8);
  const html = `<style>body{margin:4px;background:#777}div{display:flex;gap:8px;margin-bottom:8px}</style>${rows.join("")}`;
  const sheet = await studio.print(
    html,
    Math.ceil(widths.reduce((sum, width) => sum + width, 8)),
    PEOPLE.length * (LINES + 8) + 8,
  );
  await writeFile(join(ROOT, "shots", `sheet-${name}.png`), sheet);
  console.log(`shots/sheet-${name}.png`);
}
