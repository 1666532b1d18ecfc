// Takes pictures of scene.html in many states into shots/, to be looked at. Needs a built dist/ and Chromium:
// `npm run build && npm run shots [NAME…]`, with CHROMIUM naming a browser that isn't on the PATH.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SHOTS } from "./states.mjs";
import { openStudio, ROOT } from "./studio.mjs";

const wanted = process.argv.slice(2);
const names = Object.keys(SHOTS).filter((name) => wanted.length === 0 || wanted.includes(name));
await mkdir(join(ROOT, "shots"), { recursive: true });
const studio = await openStudio();
try {
  for (const name of names) {
    const shot = SHOTS[name];
    const { png } = await studio.shoot(name, typeof shot === "string" ? { query: shot } : shot);
    await writeFile(join(ROOT, "shots", `${name}.png`), png);
    console.log(`shots/${name}.png`);
  }
} finally {
  await studio.close();
}
