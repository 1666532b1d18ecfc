/** Topic of chat as text streams: what LiveKit's components send today. */
export const CHAT_TOPIC = "lk.chat";
/** Topic of chat as data packets: what they sent before, and still send beside the stream for old clients. */
export const LEGACY_CHAT_TOPIC = "lk-chat-topic";
/**
 * Topics of reactions. LiveKit itself defines none: Wallflower takes a text stream or a data packet on either topic, whose text
 * is the emoji or JSON `{"emoji": "👍"}`.
 */
export const REACTION_TOPICS: readonly string[] = ["lk.reactions", "reactions"];

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
