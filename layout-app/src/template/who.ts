import type { Participant, RoomState } from "../model";
import { sharers } from "../model";

/** Which participant is meant. */
export interface Selector {
  /** Who shares a screen: the one to look at. */
  readonly screen?: boolean;
  /** By the room's stable id. */
  readonly identity?: string | null;
  /** By display name. */
  readonly named?: string | null;
  /** By order of joining, from 0. */
  readonly index?: number | null;
  /** By order of joining among those who are not the speaker, from 0. */
  readonly other?: number | null;
  /** Who speaks; before anybody has spoken, the first one with a picture, or the first. */
  readonly speaker?: boolean;
}

/** Who that is now; undefined when it is nobody. What is named first here counts before the rest; nothing named is the speaker. */
export function whoIs(selector: Selector, room: RoomState): Participant | undefined {
  const { participants } = room;
  if (selector.screen) return sharers(room)[0];
  if (selector.identity != null) return participants.find(({ identity }) => identity === selector.identity);
  if (selector.named != null) return participants.find(({ name }) => name === selector.named);
  if (selector.index != null) return participants[selector.index];
  const speaker = speakerOf(room);
  if (selector.other != null) return participants.filter((each) => each !== speaker)[selector.other];
  return speaker;
}

function speakerOf({ participants, speaker }: RoomState): Participant | undefined {
  return (
    participants.find(({ identity }) => identity === speaker.identity) ??
    participants.find(({ camera }) => camera.state === "live") ??
    participants[0]
  );
}
