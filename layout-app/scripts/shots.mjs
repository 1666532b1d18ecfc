// Takes pictures of scene.html in many states into shots/, to be looked at. Needs a built dist/ and Chromium:
// `npm run build && npm run shots [NAME…]`, with CHROMIUM naming a browser that isn't on the PATH.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, extname, join, normalize } from "node:path";

const ROOT = new URL("..", import.meta.url).pathname;
const SHOTS = {
  empty: "people=0",
  "empty-title": "people=0&title=Weekly product review&logo=top-right&brand",
  one: "people=1",
  two: "people=2",
  three: "people=3&speaker=2",
  four: "people=4",
  "five-off": "people=5&off=1,3",
  nine: "people=9&off=4",
  twentyfive: "people=25&off=3,11,17",
  sixty: "people=60&off=3,11,17&fps=4",
  "speaker-two": "people=2&layout=speaker",
  "speaker-four": "people=4&layout=speaker&speaker=1",
  "speaker-nine": "people=9&layout=speaker&speaker=2&off=3",
  "speaker-25": "people=25&layout=speaker&off=5,6",
  single: "people=4&layout=single-speaker&speaker=3",
  "single-off": "people=4&layout=single-speaker&speaker=3&off=3",
  "single-title": "people=4&layout=single-speaker&speaker=2&title=Weekly product review&logo=top-right&brand",
  "share-one": "people=1&share=0",
  "share-grid": "people=5&share=1",
  "share-25": "people=25&share=1&off=2",
  "share-single": "people=4&layout=single-speaker&share=1",
  names: "people=16&names=hard&off=0,2,4,6,10,12",
  "names-off": "people=16&names=hard&off=all",
  "names-speaker": "people=6&names=hard&layout=speaker&speaker=5&chat=5",
  "off-all": "people=4&off=all",
  "off-one": "people=1&off=0",
  "tall-mixed": "people=4&tall=0,2",
  "tall-all": "people=4&tall=all",
  classic: "people=3&classic=all",
  chat: "people=4&chat=6&reactions=4",
  "chat-speaker": "people=5&layout=speaker&chat=4&reactions=5",
  "reactions-strangers": "people=4&reactions=4&strangers",
  brand: "people=4&title=Weekly product review&logo=top-right&brand&chat=2",
  "brand-bottom": "people=9&title=Weekly product review&logo=bottom-left&brand",
  light: "people=5&light&off=3&chat=2",
  "light-share": "people=4&light&share=0&title=Quarterly figures",
  lost: "people=4&lost=2&reconnecting",
  "no-plates": "people=4&plates=0",
  upright: { query: "people=5&layout=speaker", width: 720, height: 1280 },
  "upright-grid": { query: "people=4&chat=2", width: 720, height: 1280 },
  small: { query: "people=9&chat=2", width: 640, height: 360 },
  "full-hd": { query: "people=9&chat=2&title=Weekly product review", width: 1920, height: 1080 },
  tiny: { query: "people=9", width: 128, height: 128 },
};

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2" };

/** Serves dist/ on a port of its own. */
async function serve() {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname).replace(/^\/+/, "");
    readFile(join(ROOT, "dist", path)).then(
      (body) => response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream").end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const places = (process.env.PATH ?? "").split(delimiter).flatMap((dir) => names.map((name) => join(dir, name)));
  const found = places.find((place) => existsSync(place));
  if (!found) throw new Error("Chromium is not on the PATH; install it, or name it in CHROMIUM.");
  return found;
}

/** A headless browser, spoken to over two pipes in the DevTools protocol. */
class Browser {
  #next = 0;
  #waiting = new Map();
  #rest = "";

  constructor(profile) {
    const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    this.child = spawn(
      findChromium(),
      [
        "--headless=new",
        "--remote-debugging-pipe",
        `--user-data-dir=${profile}`,
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--mute-audio",
        "--autoplay-policy=no-user-gesture-required",
        ...sandbox,
        "about:blank",
      ],
      { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true },
    );
    this.child.stdio[4].on("data", (data) => this.#hear(data.toString()));
    this.gone = new Promise((resolve) => this.child.on("exit", resolve));
  }

  send(method, params = {}, sessionId = undefined) {
    this.#next += 1;
    const id = this.#next;
    this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Chromium did not answer ${method}`)), 30_000);
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(timer);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result);
      });
    });
  }

  async close() {
    const late = setTimeout(() => process.kill(-this.child.pid, "SIGKILL"), 5000);
    await this.send("Browser.close").catch(() => undefined);
    await this.gone;
    clearTimeout(late);
  }

  #hear(text) {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop() ?? "";
    for (const message of messages) {
      const answer = JSON.parse(message);
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    }
  }
}

async function shoot(browser, origin, name, shot) {
  const { query, width = 1280, height = 720 } = typeof shot === "string" ? { query: shot } : shot;
  const { targetId } = await browser.send("Target.createTarget", {
    url: "about:blank",
    newWindow: true,
    width,
    height,
  });
  const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
  const page = (method, params) => browser.send(method, params, sessionId);
  await page("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  await page("Page.navigate", { url: `${origin}/scene.html?${encodeURI(query)}` });
  const expression = `new Promise((resolve) => {
    const look = () => document.documentElement.dataset.scene ? setTimeout(resolve, 1300) : requestAnimationFrame(look);
    look();
  }).then(() => document.documentElement.dataset.scene)`;
  // The navigation takes the first context away; whoever asks too early is answered with an error.
  let state;
  for (let tries = 0; state === undefined && tries < 20; tries += 1) {
    const answer = await page("Runtime.evaluate", { expression, awaitPromise: true }).catch(() => undefined);
    state = answer?.result.value;
  }
  if (state !== "ready") throw new Error(`${name}: the scene is not ready but ${state}`);
  const { data } = await page("Page.captureScreenshot", { format: "png" });
  await writeFile(join(ROOT, "shots", `${name}.png`), Buffer.from(data, "base64"));
  await browser.send("Target.closeTarget", { targetId });
}

const wanted = process.argv.slice(2);
const names = Object.keys(SHOTS).filter((name) => wanted.length === 0 || wanted.includes(name));
await mkdir(join(ROOT, "shots"), { recursive: true });
const profile = await mkdtemp(join(tmpdir(), "wallflower-shots-"));
const server = await serve();
const browser = new Browser(profile);
try {
  for (const name of names) {
    await shoot(browser, server.origin, name, SHOTS[name]);
    console.log(`shots/${name}.png`);
  }
} finally {
  await browser.close();
  server.close();
  await rm(profile, { recursive: true, force: true });
}
