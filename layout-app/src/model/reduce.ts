import { CAPTION_MS, speak } from "./captions";
import type { RoomChange } from "./change";
import type { Participant, Pinned, RoomState, Video } from "./room";
import { OFF, participantOf } from "./room";
import { NOBODY, settle, speakerWake } from "./speaker";
import { displayName, drawable, LONGEST_LINE, LONGEST_NAME, soleEmoji } from "./text";

/** How long a line of chat stays over the picture. */
export const CHAT_MS = 9000;
/** How long it stays where it covers nothing: a conversation keeps its place while somebody thinks about an answer. */
export const TALK_MS = 60_000;
/** How long a reaction floats. */
export const REACTION_MS = 3200;
/** More lines at once would be a wall of text over the picture. */
export const MOST_LINES = 4;
export const MOST_TALK = 8;
/** A room that applauds is shown as applause, not as a frozen page. */
export const MOST_REACTIONS = 24;

/** The room after `change` at `now`. The same object comes back when nothing changed. */
export function reduce(room: RoomState, change: RoomChange, now: number): RoomState {
  return passTime(apply(room, change, now), now);
}

/** When the room looks different if nothing happens; null for never. */
export function nextWake(room: RoomState): number | null {
  const times = [
    speakerWake(room.speaker, room.heard),
    room.chat[0] ? room.chat[0].at + CHAT_MS : null,
    room.talk[0] ? room.talk[0].at + TALK_MS : null,
    room.reactions[0] ? room.reactions[0].at + REACTION_MS : null,
    ...room.captions.map(({ at }) => at + CAPTION_MS),
  ].filter((time) => time !== null);
  return times.length === 0 ? null : Math.min(...times);
}

function passTime(room: RoomState, now: number): RoomState {
  const speaker = settle(room.speaker, room.heard, now);
  const chat = room.chat.filter((line) => now < line.at + CHAT_MS);
  const talk = room.talk.filter((line) => now < line.at + TALK_MS);
  const reactions = room.reactions.filter((reaction) => now < reaction.at + REACTION_MS);
  // Words that are not finished, too: a room that stops telling has stopped.
  const captions = room.captions.filter((caption) => now < caption.at + CAPTION_MS);
  const same =
    chat.length === room.chat.length &&
    talk.length === room.talk.length &&
    reactions.length === room.reactions.length &&
    captions.length === room.captions.length;
  if (speaker === room.speaker && same) return room;
  const participants =
    speaker.identity === null || speaker.identity === room.speaker.identity
      ? room.participants
      : room.participants.map((each) => (each.identity === speaker.identity ? { ...each, spokeAt: now } : each));
  return { ...room, participants, speaker, chat, talk, reactions, captions };
}

function apply(room: RoomState, change: RoomChange, now: number): RoomState {
  switch (change.type) {
    case "joined":
      return { ...room, connection: "joined", joinedAt: room.joinedAt ?? now };
    case "reconnecting":
      return room.connection === "joined" ? { ...room, connection: "reconnecting" } : room;
    case "reconnected":
      return room.connection === "reconnecting" ? forgetAway({ ...room, connection: "joined" }) : room;
    case "participant_joined":
      return join(room, change.identity, change.name);
    case "participant_left":
      return leave(room, change.identity);
    case "renamed":
      return patch(room, change.identity, { name: displayName(change.name, change.identity) });
    case "mic":
      return patch(room, change.identity, { mic: change.on });
    case "camera":
      return setVideo(room, change.identity, "camera", change.video, now);
    case "screen":
      return setVideo(room, change.identity, "screen", change.video, now);
    case "steady":
      return patch(room, change.identity, { steady: change.steady });
    case "doubted":
      return patch(room, change.identity, { doubted: change.doubted });
    case "sealed":
      return patch(room, change.identity, { sealed: change.reason });
    case "role":
      return patch(room, change.identity, { moderator: change.moderator });
    case "hand":
      return patch(room, change.identity, { handAt: change.at });
    case "heard":
      return hear(room, change.identities, now);
    case "frame": {
      const known = room.frames.get(change.track);
      if (known?.width === change.width && known.height === change.height) return room;
      const frames = new Map(room.frames).set(change.track, { width: change.width, height: change.height });
      return { ...room, frames };
    }
    case "chat": {
      const text = drawable(change.text, LONGEST_LINE);
      if (text === "") return room;
      const id = room.lastId + 1;
      const { identity } = change;
      const line = { id, identity, name: displayName(change.name, identity ?? ""), text, at: now };
      const [chat, talk] = [[...room.chat, line].slice(-MOST_LINES), [...room.talk, line].slice(-MOST_TALK)];
      return { ...room, lastId: id, chat, talk };
    }
    case "reaction": {
      const emoji = soleEmoji(change.emoji);
      if (emoji === null) return room;
      const id = room.lastId + 1;
      const name = displayName(change.name, change.identity ?? "");
      const reaction = { id, identity: change.identity, name, emoji, at: now };
      return { ...room, lastId: id, reactions: [...room.reactions, reaction].slice(-MOST_REACTIONS) };
    }
    case "caption":
      return speak(room, change, now);
    case "titled": {
      const title = drawable(change.title, LONGEST_NAME) || null;
      return title === room.title ? room : { ...room, title };
    }
    case "pinned":
      return pin(room, change.line);
    case "tick":
      return room;
  }
}

function pin(room: RoomState, line: Pinned | null): RoomState {
  const text = line ? drawable(line.text, LONGEST_LINE) : "";
  const pinned = line && text !== "" ? { name: drawable(line.name, LONGEST_NAME), text } : null;
  const same = pinned?.text === room.pinned?.text && pinned?.name === room.pinned?.name;
  return same ? room : { ...room, pinned };
}

function join(room: RoomState, identity: string, name: string): RoomState {
  const shown = displayName(name, identity);
  if (participantOf(room, identity)) return patch(room, identity, { name: shown, away: false });
  const participant: Participant = {
    identity,
    name: shown,
    mic: false,
    camera: OFF,
    screen: OFF,
    screenSince: 0,
    steady: true,
    moderator: false,
    away: false,
    handAt: null,
    doubted: false,
    sealed: null,
    spokeAt: null,
  };
  return { ...room, participants: [...room.participants, participant] };
}

function leave(room: RoomState, identity: string): RoomState {
  const gone = participantOf(room, identity);
  if (!gone) return room;
  // SDKs empty the room when they join it anew. The tiles stay until it is known who is really gone.
  if (room.connection === "reconnecting") return patch(room, identity, { away: true });
  const frames = new Map(room.frames);
  for (const video of [gone.camera, gone.screen]) if (video.state === "live") frames.delete(video.track);
  return {
    ...room,
    participants: room.participants.filter((each) => each !== gone),
    heard: room.heard.filter((each) => each !== identity),
    speaker: room.speaker.identity === identity ? NOBODY : room.speaker,
    frames,
  };
}

function forgetAway(room: RoomState): RoomState {
  return room.participants.filter(({ away }) => away).reduce((rest, { identity }) => leave(rest, identity), room);
}

function setVideo(
  room: RoomState,
  identity: string,
  source: "camera" | "screen",
  video: Video,
  now: number,
): RoomState {
  const before = participantOf(room, identity)?.[source];
  if (!before || sameVideo(before, video)) return room;
  const frames = new Map(room.frames);
  if (before.state === "live") frames.delete(before.track);
  const began = source === "screen" && before.state === "off";
  return patch({ ...room, frames }, identity, { [source]: video, ...(began && { screenSince: now }) });
}

function sameVideo(one: Video, other: Video): boolean {
  return one.state === "live" ? other.state === "live" && one.track === other.track : one.state === other.state;
}

function hear(room: RoomState, identities: readonly string[], now: number): RoomState {
  const heard = identities.filter((identity) => participantOf(room, identity));
  if (heard.length === room.heard.length && heard.every((identity, at) => identity === room.heard[at])) return room;
  // The voices that fall silent now were heard until now.
  const speaker =
    room.speaker.identity !== null && room.heard.includes(room.speaker.identity)
      ? { ...room.speaker, heardAt: now }
      : room.speaker;
  return { ...room, heard, speaker };
}

function patch(room: RoomState, identity: string, fields: Partial<Participant>): RoomState {
  const before = participantOf(room, identity);
  if (!before) return room;
  const changed = (Object.keys(fields) as (keyof Participant)[]).some((key) => fields[key] !== before[key]);
  if (!changed) return room;
  const after = { ...before, ...fields };
  return { ...room, participants: room.participants.map((each) => (each === before ? after : each)) };
}
