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
import { connect as join } from "./connect";
import type { ConnectOptions, Recording as Joined } from "./recording";

export type { Colors, Fault, Layout, LowerThird, PageEnd, RoomEvent, Theme } from "../contract";
export type { Caption, ChatLine, Pinned, Reaction } from "../model";
export type { ConnectOptions } from "./recording";
export type { TemplateParticipant, TemplateState } from "./state";

/** The recording that a template is the page of. */
export type Recording = Omit<Joined, "draw" | "pictures">;

/**
 * The recording that this page is drawn for. The first call joins the room, and its options count; `<html data-wf-ready="manual">`
 * is the same as `ready: "manual"`.
 */
export function connect(options?: ConnectOptions): Recording {
  return join(options);
}
