/** Topic of chat as text streams: what LiveKit's components send today. */
export const CHAT_TOPIC = "lk.chat";
/** Topic of chat as data packets: what they sent before, and still send beside the stream for old clients. */
export const LEGACY_CHAT_TOPIC = "lk-chat-topic";
/**
 * Topics of reactions. LiveKit itself defines none: Wallflower takes a text stream or a data packet on either topic, whose text
 * is the emoji or JSON `{"emoji": "👍"}`.
 */
export const REACTION_TOPICS: readonly string[] = ["lk.reactions", "reactions"];

/** Topic of what LiveKit's agents transcribe, as text streams. */
export const TRANSCRIPTION_TOPIC = "lk.transcription";
/** Attribute of such a stream: which piece of speech it is about. The same comes again, with more words. */
export const TRANSCRIPTION_SEGMENT = "lk.segment_id";
/** Attribute of such a stream: no more words are to come. What grows within one stream says so when the stream ends. */
export const TRANSCRIPTION_FINAL = "lk.transcription_final";
/** Attribute of such a stream: whose words they are, when they are not the sender's own. */
export const TRANSCRIBED_TRACK = "lk.transcribed_track_id";

/**
 * The line that is pinned, from the room's metadata: JSON with `"pinned_message": "text"` or `{"name": "Ada", "text": "…"}`. Only the
 * application's own server may write it, so that no participant can put anything into the picture for good.
 */
export function pinnedMessage(metadata: string | undefined): { name: string; text: string } | null {
  const pinned = parse(metadata ?? "")?.["pinned_message"];
  if (typeof pinned === "string") return { name: "", text: pinned };
  if (typeof pinned !== "object" || pinned === null) return null;
  const { name, text } = pinned as Record<string, unknown>;
  return typeof text === "string" ? { name: typeof name === "string" ? name : "", text } : null;
}

/** The line in a data packet of the legacy chat topic; null when there is none, or the same line comes as a text stream too. */
export function legacyChatLine(text: string): string | null {
  const packet = parse(text);
  if (packet === null || packet["ignoreLegacy"] === true) return null;
  return typeof packet["message"] === "string" ? packet["message"] : null;
}

/** The emoji of a reaction's text. */
export function reactionEmoji(text: string): string {
  const emoji = parse(text)?.["emoji"];
  return typeof emoji === "string" ? emoji : text;
}

/**
 * When a hand was raised; null while it is down. LiveKit itself has no hands: an attribute `handRaisedAt`, an ISO date or empty, is
 * what La Suite Meet and others have agreed on.
 */
export function handRaisedAt(attributes: Readonly<Record<string, string>>): number | null {
  const text = attributes["handRaisedAt"] ?? "";
  if (text === "") return null;
  const at = Date.parse(text);
  // Whoever writes something else there has raised a hand all the same.
  return Number.isNaN(at) ? 0 : at;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
