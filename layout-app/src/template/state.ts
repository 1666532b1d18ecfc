import type { Layout, LowerThird, Theme } from "../contract";
import type { Caption, ChatLine, Pinned, Programme, Reaction, RoomState } from "../model";
import { isSharing, raisedHands, sharers } from "../model";

/** Somebody in the room. */
export interface TemplateParticipant {
  /** The room's stable id of this participant. */
  readonly identity: string;
  /** Fit to be drawn: never empty, never endless, without tricks of direction. */
  readonly name: string;
  /** Is heard now. */
  readonly speaking: boolean;
  readonly microphone: boolean;
  /** Has a picture, or will have one in a moment. */
  readonly camera: boolean;
  readonly screen: boolean;
  /** False while the room says that this participant's connection is lost. */
  readonly connected: boolean;
  /** Leads the room, as far as the room tells: a moderator of a Jitsi room. */
  readonly moderator: boolean;
  /** Place among the raised hands, from 1; null while it is down. */
  readonly hand: number | null;
}

/** The room as a template shows it. A new value with every change, never changed in place. */
export interface TemplateState {
  readonly connection: "joining" | "joined" | "reconnecting";
  /** In order of joining. */
  readonly participants: readonly TemplateParticipant[];
  /** Identity of who is to be looked at; null before anybody has spoken. */
  readonly speaker: string | null;
  /** Identities of those who share a screen, the one to look at first. */
  readonly screens: readonly string[];
  /** Identities of those whose hand is raised, in order. */
  readonly hands: readonly string[];
  /** The latest lines that are still to be seen, oldest first. */
  readonly chat: readonly ChatLine[];
  /** The last lines, however old they are, oldest first. */
  readonly chatLog: readonly ChatLine[];
  readonly pinned: Pinned | null;
  /** Those that are still to be seen, oldest first. */
  readonly reactions: readonly Reaction[];
  /** What is being said, as text. */
  readonly captions: readonly Caption[];
  readonly layout: Layout;
  readonly theme: Theme;
  /** The lower third that is to be seen now. */
  readonly lowerThird: LowerThird | null;
  readonly banner: string | null;
  /** The theme's intro card is to be seen now. */
  readonly intro: boolean;
  /** When the recording began, by `performance.now()`; null before. */
  readonly startedAt: number | null;
  /** The room is over: the last words. */
  readonly over: boolean;
}

/** All that a template may draw at a moment. */
export interface Moment {
  readonly room: RoomState;
  readonly layout: Layout;
  readonly theme: Theme;
  readonly page: number;
  readonly programme: Programme;
  readonly third: LowerThird | null;
  readonly banner: string | null;
  readonly chatLog: readonly ChatLine[];
  readonly startedAt: number | null;
  readonly over: boolean;
}

export function stateOf({ room, layout, theme, programme, third, banner, ...rest }: Moment): TemplateState {
  const hands = raisedHands(room);
  return {
    connection: room.connection,
    participants: room.participants.map(({ identity, name, mic, camera, screen, steady, moderator }) => ({
      identity,
      name,
      speaking: room.heard.includes(identity),
      microphone: mic,
      camera: camera.state !== "off",
      screen: isSharing(screen),
      connected: steady,
      moderator,
      hand: hands.includes(identity) ? hands.indexOf(identity) + 1 : null,
    })),
    speaker: room.speaker.identity,
    screens: sharers(room).map(({ identity }) => identity),
    hands,
    chat: room.chat,
    chatLog: rest.chatLog,
    pinned: room.pinned,
    reactions: room.reactions,
    captions: room.captions,
    layout,
    theme,
    lowerThird: programme.lowerThird ? third : null,
    banner,
    intro: programme.intro,
    startedAt: rest.startedAt,
    over: rest.over,
  };
}

/** So many lines are kept for those who want more than the latest. */
const MOST_KEPT = 50;

/** The last lines, with those that are new in the room. */
export function logged(log: readonly ChatLine[], { chat }: RoomState): readonly ChatLine[] {
  const last = log.at(-1)?.id ?? 0;
  const fresh = chat.filter(({ id }) => id > last);
  return fresh.length === 0 ? log : [...log, ...fresh].slice(-MOST_KEPT);
}
