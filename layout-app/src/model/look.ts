import type { Look, RoomEvent } from "../contract";
import type { Participant, RoomState } from "./room";

/** As much of a look as says who is in the picture. */
export type Casting = Pick<Look, "hidden" | "only" | "spotlight">;

/** Whether somebody is neither seen nor heard. */
export function isHidden({ hidden, only }: Pick<Casting, "hidden" | "only">, identity: string): boolean {
  return (
    hidden.some((name) => means(name, identity)) || (only.length > 0 && !only.some((name) => means(name, identity)))
  );
}

/** How loud somebody is: 0 is silence, 1 as loud as they are sent. Who is named goes before who is meant by a beginning. */
export function volumeOf({ volume, ...casting }: Pick<Look, "hidden" | "only" | "volume">, identity: string): number {
  if (isHidden(casting, identity)) return 0;
  const [name] = Object.keys(volume)
    .filter((each) => means(each, identity))
    .sort((one, other) => Number(other === identity) - Number(one === identity) || other.length - one.length);
  return ((name === undefined ? undefined : volume[name]) ?? 100) / 100;
}

/** `guest-*` means everybody whose identity begins so. */
function means(name: string, identity: string): boolean {
  return name.endsWith("*") ? identity.startsWith(name.slice(0, -1)) : name === identity;
}

/** The room as it is shown: without those who are hidden, and as if only who is in the spotlight spoke. The same if that is nobody. */
export function cast(room: RoomState, casting: Casting): RoomState {
  const { hidden, only, spotlight } = casting;
  const seen = hidden.length + only.length === 0 ? room : without(room, (identity) => isHidden(casting, identity));
  const lit = seen.participants.find(({ identity }) => identity === spotlight);
  if (!lit) return seen;
  const speaks = (one: Participant) => (one === lit ? { ...one, spokeAt: Number.MAX_SAFE_INTEGER } : one);
  const speaker = { ...seen.speaker, identity: lit.identity };
  return { ...seen, speaker, participants: seen.participants.map(speaks) };
}

function without(room: RoomState, hides: (identity: string) => boolean): RoomState {
  const shows = ({ identity }: { readonly identity: string | null }) => identity === null || !hides(identity);
  const { identity } = room.speaker;
  return {
    ...room,
    participants: room.participants.filter(shows),
    heard: room.heard.filter((each) => !hides(each)),
    speaker: identity !== null && hides(identity) ? { ...room.speaker, identity: null } : room.speaker,
    chat: room.chat.filter(shows),
    talk: room.talk.filter(shows),
    reactions: room.reactions.filter(shows),
    captions: room.captions.filter(shows),
  };
}

/** Whether the timeline is told of it. That somebody is there is not hidden; what they say and show is. */
export function isTold(event: RoomEvent, casting: Casting): boolean {
  switch (event.kind) {
    case "chat":
    case "reaction":
    case "caption":
    case "speaker_changed":
    case "screen_share_started":
    case "screen_share_stopped":
      return event.identity === null || !isHidden(casting, event.identity);
    default:
      return true;
  }
}
