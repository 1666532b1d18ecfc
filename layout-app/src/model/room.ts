import type { Speaker } from "./speaker";
import { NOBODY } from "./speaker";

/** Names a video track towards the adapter that can show it. Means nothing to anybody else. */
export type TrackKey = string;

/** A participant's camera or screen. That there is no picture is a value, not an absence. */
export type Video =
  | { readonly state: "off" }
  /** Announced as on; its track is not here yet. */
  | { readonly state: "announced" }
  | { readonly state: "live"; readonly track: TrackKey };

export const OFF: Video = { state: "off" };
export const ANNOUNCED: Video = { state: "announced" };
export const live = (track: TrackKey): Video => ({ state: "live", track });

export interface Participant {
  readonly identity: string;
  /** Fit to be drawn. */
  readonly name: string;
  readonly mic: boolean;
  readonly camera: Video;
  readonly screen: Video;
  /** When the screen share began: the latest is the one to look at. */
  readonly screenSince: number;
  /** False while the room says that this participant's connection is lost. */
  readonly steady: boolean;
  /** Leads the room, where rooms have somebody who does. */
  readonly moderator: boolean;
  /** Left while the connection to the room was lost: forgotten only if still gone when it is back. */
  readonly away: boolean;
  /** When the hand was raised, by a clock that all hands share; null while it is down. */
  readonly handAt: number | null;
  /** The key has failed with what they send; whether it always will is not known yet. */
  readonly doubted: boolean;
  /** Why nothing of what they send can be opened, as a sentence for a person; null as long as it can. */
  readonly sealed: string | null;
  /** When the participant last became the speaker, whom a cough does not make; null for never. */
  readonly spokeAt: number | null;
}

export interface FrameShape {
  readonly width: number;
  readonly height: number;
}

export interface ChatLine {
  /** Counts up; unique in the life of the page. */
  readonly id: number;
  readonly identity: string | null;
  readonly name: string;
  readonly text: string;
  readonly at: number;
}

export interface Reaction {
  /** Counts up; unique in the life of the page. */
  readonly id: number;
  readonly identity: string | null;
  readonly name: string;
  readonly emoji: string;
  readonly at: number;
}

/** What somebody says, as text. */
export interface Caption {
  /** Counts up; unique in the life of the page. */
  readonly id: number;
  /** The room's name for a piece of speech, of which it tells again as it grows. */
  readonly segment: string;
  readonly identity: string | null;
  readonly name: string;
  readonly text: string;
  /** No more words are to come. */
  readonly final: boolean;
  /** When the first words came. */
  readonly since: number;
  /** When the last words came. */
  readonly at: number;
}

/** A line that stays until it is taken away. */
export interface Pinned {
  /** Empty for a line that is nobody's. */
  readonly name: string;
  readonly text: string;
}

/** A meeting of any kind, as much of it as a recording shows. Times are milliseconds of the caller's clock. */
export interface RoomState {
  readonly connection: "joining" | "joined" | "reconnecting";
  readonly joinedAt: number | null;
  /** What the room calls itself, fit to be drawn; null when it does not. */
  readonly title: string | null;
  /** In order of joining. */
  readonly participants: readonly Participant[];
  /** Who is heard now, loudest first. */
  readonly heard: readonly string[];
  readonly speaker: Speaker;
  /** Tracks of which at least one frame was shown, and the frames' size. */
  readonly frames: ReadonlyMap<TrackKey, FrameShape>;
  /** The latest lines that are still to be seen over the picture, oldest first. */
  readonly chat: readonly ChatLine[];
  /** The latest lines that are still to be seen where chat has a place of its own, oldest first. */
  readonly talk: readonly ChatLine[];
  readonly pinned: Pinned | null;
  /** Those that are still to be seen, oldest first. */
  readonly captions: readonly Caption[];
  /** Segments that are finished, the last of them. */
  readonly captioned: readonly string[];
  /** Those that are still to be seen, oldest first. */
  readonly reactions: readonly Reaction[];
  readonly lastId: number;
}

export const EMPTY_ROOM: RoomState = {
  connection: "joining",
  joinedAt: null,
  title: null,
  participants: [],
  heard: [],
  speaker: NOBODY,
  frames: new Map(),
  chat: [],
  talk: [],
  pinned: null,
  captions: [],
  captioned: [],
  reactions: [],
  lastId: 0,
};

export function participantOf(room: RoomState, identity: string): Participant | undefined {
  return room.participants.find((participant) => participant.identity === identity);
}
