/** What Jitsi's clients send each other beside chat, and what it means. */

/** Emoji of the reactions that Jitsi's clients know by name. */
const REACTIONS: Readonly<Record<string, string>> = {
  like: "👍",
  clap: "👏",
  laugh: "😀",
  surprised: "😮",
  boo: "🙁",
  silence: "😶",
  love: "💖",
};
/** A client sends what was pressed within half a second; its receivers show that much of it. */
const MOST_REACTIONS = 3;

/** The emoji in an endpoint message; none when it is about something else. */
export function reactionsOf(message: unknown): string[] {
  if (!isRecord(message) || message["name"] !== "endpoint-reaction" || !Array.isArray(message["reactions"])) return [];
  const names = new Set(message["reactions"].filter((name) => typeof name === "string"));
  return [...names]
    .flatMap((name) => (Object.hasOwn(REACTIONS, name) ? [REACTIONS[name] ?? ""] : []))
    .slice(0, MOST_REACTIONS);
}

/** Words that the deployment's transcriber has understood. */
export interface Transcript {
  readonly segment: string;
  readonly identity: string | null;
  readonly name: string;
  readonly text: string;
  readonly final: boolean;
}

/** The words in an endpoint message of a transcriber; null when it is about something else. */
export function transcriptOf(message: unknown): Transcript | null {
  if (!isRecord(message) || message["type"] !== "transcription-result") return null;
  const { message_id: segment, participant, transcript, is_interim: interim } = message;
  const said: unknown = Array.isArray(transcript) ? transcript[0] : null;
  if (typeof segment !== "string" || !isRecord(said) || typeof said["text"] !== "string") return null;
  const { id, name } = isRecord(participant) ? participant : {};
  return {
    segment,
    identity: typeof id === "string" ? id : null,
    name: typeof name === "string" ? name : "",
    text: said["text"],
    final: interim !== true,
  };
}

/** When a hand was raised, from the property `raisedHand`: a time, or `true` of older clients; null while it is down. */
export function raisedHandAt(property: unknown): number | null {
  if (property === undefined || property === null || property === "" || property === false) return null;
  const text = String(property);
  if (text === "false" || text === "0") return null;
  const at = Number(text);
  return Number.isFinite(at) ? at : 0;
}

/** What this presence command of somebody says: that it is a recorder like us, as Jitsi's own say it. */
export const USER_INFO = "userinfo";

export function isRobot(node: { attributes?: Readonly<Record<string, string>> }): boolean {
  return node.attributes?.["robot"] === "true";
}

export const ROBOT = { attributes: { xmlns: "http://jitsi.org/jitmeet/userinfo", robot: true } };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
