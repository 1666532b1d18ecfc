// What the scripts here that take pictures share: a server for dist/, and a browser that photographs a scene.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, extname, join, normalize } from "node:path";

export const ROOT = new URL("..", import.meta.url).pathname;

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2" };

/** An expression that looks at what a page has drawn, and comes to what is wrong with it. `firstWordsMs` as in src/inspect/main.ts. */
export async function inspector(firstWordsMs = 600) {
  const script = await readFile(join(ROOT, "dist", "inspect.js"), "utf8");
  return `(async () => { ${script}; return wallflowerInspect(${firstWordsMs}); })()`;
}

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
  const named = process.env.WALLFLOWER_CHROMIUM ?? process.env.CHROMIUM;
  if (named) return named;
  // Where chromium-browser is all there is, it is Ubuntu's way to a snap: it comes last.
  const names = ["chromium", "google-chrome-stable", "google-chrome", "chromium-browser"];
  const places = (process.env.PATH ?? "").split(delimiter).flatMap((dir) => names.map((name) => join(dir, name)));
  const found = names
    .flatMap((name) => places.filter((place) => place.endsWith(`/${name}`)))
    .find((place) => existsSync(place));
  if (!found) throw new Error("Chromium is not on the PATH; install it, or name it in WALLFLOWER_CHROMIUM.");
  return found;
}

/** How long Chromium may be silent: a machine's first page, with all of it to be read from disk, takes seconds. */
const DEADLINE_MS = 180_000;

/** A headless browser, spoken to over two pipes in the DevTools protocol. */
class Browser {
  #next = 0;
  #waiting = new Map();
  #listeners = new Set();
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
    // Whoever waits for an answer is told by the deadline.
    this.child.stdio[3].on("error", () => undefined);
    this.child.stdio[4].on("data", (data) => this.#hear(data.toString()));
    this.gone = new Promise((resolve) => this.child.on("exit", resolve));
  }

  send(method, params = {}, sessionId = undefined) {
    this.#next += 1;
    const id = this.#next;
    this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Chromium did not answer ${method}`)), DEADLINE_MS).unref();
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(timer);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result);
      });
    });
  }

  /** The next event in a session that `suits`: to be asked for before it can come. */
  next(suits, sessionId) {
    return new Promise((resolve, reject) => {
      const listener = (message) => {
        if (message.sessionId !== sessionId || !message.method || !suits(message)) return;
        stop();
        resolve(message.params);
      };
      const stop = () => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error("Chromium did not tell what was waited for"));
      }, DEADLINE_MS);
      this.#listeners.add(listener);
    });
  }

  async close() {
    const kill = () => {
      try {
        process.kill(-this.child.pid, "SIGKILL");
      } catch {
        // It has gone by itself.
      }
    };
    const late = setTimeout(kill, 30_000);
    void this.send("Browser.close").catch(() => undefined);
    await this.gone;
    clearTimeout(late);
  }

  #hear(text) {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop() ?? "";
    for (const message of messages) {
      const heard = JSON.parse(message);
      this.#waiting.get(heard.id)?.(heard);
      this.#waiting.delete(heard.id);
      for (const listener of this.#listeners) listener(heard);
    }
  }
}

/** A page of the browser at a size, until `use` is done with it. */
async function withPage(browser, { width, height }, use) {
  const { targetId } = await browser.send("Target.createTarget", {
    url: "about:blank",
    newWindow: true,
    width,
    height,
  });
  const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
  const page = (method, params) => browser.send(method, params, sessionId);
  page.next = (suits) => browser.next(suits, sessionId);
  await page("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  try {
    return await use(page);
  } finally {
    await browser.send("Target.closeTarget", { targetId });
  }
}

async function picture(page, options = { format: "png" }) {
  const { data } = await page("Page.captureScreenshot", options);
  return Buffer.from(data, "base64");
}

/** Opens `url`, and comes back when it is loaded. Until then it has no document yet, or the one before it, which loads too. */
async function open(page, url) {
  await page("Page.enable");
  let there = false;
  const loaded = page.next(({ method, params }) => {
    if (method === "Page.frameNavigated") there ||= params.frame.url !== "about:blank";
    return there && method === "Page.loadEventFired";
  });
  const [{ errorText }] = await Promise.all([page("Page.navigate", { url }), loaded]);
  if (errorText) throw new Error(`${url}: ${errorText}`);
}

/** What `expression` comes to in the page. */
async function ask(page, expression) {
  const answer = await page("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  if (answer.exceptionDetails) throw new Error(answer.exceptionDetails.exception?.description ?? "an exception");
  return answer.result.value;
}

/**
 * When a scene is ready and all of its pictures are there, and `ms` after that. A room is worth recording once somebody is seen; a picture
 * of it waits for the last one's first frame.
 */
const ready = (ms) => `new Promise((resolve) => {
  const seen = (tile) => !tile.querySelector("video")?.srcObject || tile.classList.contains("tile--seen");
  const drawn = () => document.fonts.status === "loaded" && [...document.querySelectorAll(".tile--person")].every(seen);
  const look = () => {
    const state = document.documentElement.dataset.scene;
    if (state && (state !== "ready" || drawn())) setTimeout(resolve, ${ms});
    else requestAnimationFrame(look);
  };
  look();
}).then(() => document.documentElement.dataset.scene)`;
/** Until what is said and shown for a moment is there. */
const SETTLED_MS = 1300;

/** Runs in the page. */
/* eslint-disable no-undef -- it has another world's globals */
async function decodeAll(sources, width, height) {
  const decode = async (source) => {
    const image = new Image();
    image.src = `data:image/webp;base64,${source}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    let text = "";
    for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
    return btoa(text);
  };
  return Promise.all(sources.map(decode));
}
/* eslint-enable no-undef */

/** A browser with the scene, to be closed. */
export async function openStudio() {
  const profile = await mkdtemp(join(tmpdir(), "wallflower-shots-"));
  const server = await serve();
  const browser = new Browser(profile);
  return {
    /** A picture of the scene that a query describes, and what `inspect`, an expression, comes to in it. */
    async shoot(
      name,
      { query, width = 1280, height = 720, reduced = false, settledMs = SETTLED_MS, shown },
      inspect = "null",
    ) {
      return withPage(browser, { width, height }, async (page) => {
        const features = [{ name: "prefers-reduced-motion", value: reduced ? "reduce" : "" }];
        await page("Emulation.setEmulatedMedia", { features });
        await open(page, `${server.origin}/scene.html?${encodeURI(query)}`);
        const state = await ask(page, ready(settledMs));
        if (state !== "ready") throw new Error(`${name}: the scene is not ready but ${state}`);
        const seen = await ask(page, inspect);
        return { png: await picture(page, shown), seen };
      });
    },
    /** Brightness and colour of pictures of a size, as bytes of RGBA. */
    async decode(pictures, { width, height }) {
      return withPage(browser, { width, height }, async (page) => {
        const sources = pictures.map((bytes) => bytes.toString("base64"));
        const pixels = await ask(page, `(${decodeAll})(${JSON.stringify(sources)}, ${width}, ${height})`);
        return pixels.map((text) => Buffer.from(text, "base64"));
      });
    },
    /** A picture of a page of our own. */
    async print(html, width, height) {
      return withPage(browser, { width, height }, async (page) => {
        const { frameTree } = await page("Page.getFrameTree");
        await page("Page.setDocumentContent", { frameId: frameTree.frame.id, html });
        await ask(page, "Promise.all([...document.images].map((image) => image.decode())).then(() => true)");
        return picture(page);
      });
    },
    async close() {
      await browser.close();
      server.close();
      // Its helpers may still write for a moment.
      await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}
