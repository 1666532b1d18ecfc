import type { ConnectOptions } from "./recording";
import { Recording } from "./recording";

/** By this every copy of this script on a page finds the same recording: the configuration can be taken only once. */
const KEY = Symbol.for("wallflower.recording");

/** The recording of this page, as elements see it. */
export function connect(options: ConnectOptions = {}): Recording {
  const page = globalThis as { [KEY]?: Recording };
  const manual = document.documentElement.dataset["wfReady"] === "manual";
  return (page[KEY] ??= new Recording({ ready: manual ? "manual" : "auto", ...options }));
}
