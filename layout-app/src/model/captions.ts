import type { Caption, RoomState } from "./room";
import { displayName, drawable } from "./text";

/** How long a caption stays after its last word: long enough to be read, short enough not to stand beside the next one. */
export const CAPTION_MS = 4000;
/** More at once would cover the picture; two people who talk over each other are both read. */
export const MOST_CAPTIONS = 2;
/** Longer speech keeps its end: what was said last is what is heard now. */
export const LONGEST_CAPTION = 240;
/** Lines of captions that were finished, and may be told again by a room that tells everything twice. */
const MOST_FINISHED = 32;

/** What a room says that somebody says. The same `segment` comes again with more words, until it is final. */
export interface Spoken {
  readonly segment: string;
  readonly identity: string | null;
  readonly name: string;
  readonly text: string;
  readonly final: boolean;
}

export function speak(room: RoomState, spoken: Spoken, now: number): RoomState {
  const { segment, identity, final } = spoken;
  if (room.captioned.includes(segment)) return room;
  const text = theEnd(drawable(spoken.text.slice(-LONGEST_CAPTION * 4), LONGEST_CAPTION * 4));
  if (text === "") return room;
  const before = room.captions.find((caption) => caption.segment === segment);
  if (before && before.text === text && before.final === final) return room;
  const id = before?.id ?? room.lastId + 1;
  const name = displayName(spoken.name, identity ?? "");
  const caption: Caption = { id, segment, identity, name, text, final, since: before?.since ?? now, at: now };
  const captions = before
    ? room.captions.map((each) => (each === before ? caption : each))
    : // A person's new line takes the place of the last one.
      [...room.captions.filter((each) => !(each.final && each.identity === identity)), caption].slice(-MOST_CAPTIONS);
  const captioned = final ? [...room.captioned, segment].slice(-MOST_FINISHED) : room.captioned;
  return { ...room, lastId: Math.max(room.lastId, id), captions, captioned };
}

/** From the beginning of a word, if it has to be cut. */
function theEnd(text: string): string {
  if (text.length <= LONGEST_CAPTION) return text;
  const kept = text.slice(-LONGEST_CAPTION);
  const word = kept.indexOf(" ");
  return `…${word < 0 ? kept : kept.slice(word + 1)}`;
}
