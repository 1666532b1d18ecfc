/**
 * `@wallflower/template`: the room that is recorded, for templates in whatever they are written with. The custom elements of
 * `@wallflower/template/elements` stand on it.
 *
 * ```js
 * import { connect } from "@wallflower/template";
 *
 * const recording = connect();
 * recording.subscribe(({ participants, speaker }) => draw(participants, speaker));
 * recording.on("reaction", ({ emoji }) => celebrate(emoji));
 * ```
 */
import type { ConnectOptions } from "./recording";
import { Recording } from "./recording";

export type { Colors, Fault, Layout, LowerThird, PageEnd, RoomEvent, Theme } from "../contract";
export type { Caption, ChatLine, Pinned, Reaction } from "../model";
export type { ConnectOptions } from "./recording";
export type { TemplateParticipant, TemplateState } from "./state";
export type { Recording } from "./recording";

/** By this every copy of this script on a page finds the same recording: the configuration can be taken only once. */
const KEY = Symbol.for("wallflower.recording");

/**
 * The recording that this page is drawn for. The first call joins the room, and its options count; `<html data-wf-ready="manual">`
 * is the same as `ready: "manual"`.
 */
export function connect(options: ConnectOptions = {}): Recording {
  const page = globalThis as { [KEY]?: Recording };
  const manual = document.documentElement.dataset["wfReady"] === "manual";
  return (page[KEY] ??= new Recording({ ready: manual ? "manual" : "auto", ...options }));
}
