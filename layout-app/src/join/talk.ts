import type { DemoDown } from "../contract/generated/DemoDown";
import type { DemoParticipant } from "../contract/generated/DemoParticipant";

/** A line of chat, with a key of its own so that it is drawn once. */
export interface Line {
  key: number;
  from: string;
  name: string;
  text: string;
  /** Was written before the person came, or while the connection was lost. */
  old: boolean;
}

export interface Reaction {
  key: number;
  from: string;
  name: string;
  emoji: string;
}

/** What a person in the room knows of it. */
export interface Talk {
  /** The person's own id; empty before the first welcome. */
  id: string;
  /** Everybody else, in order of joining. */
  others: readonly DemoParticipant[];
  /** Oldest first. */
  chat: readonly Line[];
  reactions: readonly Reaction[];
  recording: boolean;
  /** The latest thing worth saying aloud to somebody who doesn't see the page. */
  announcement: string;
  /** Keys given so far. */
  keys: number;
}

export const SILENCE: Talk = {
  id: "",
  others: [],
  chat: [],
  reactions: [],
  recording: false,
  announcement: "",
  keys: 0,
};

const MOST_LINES = 200;
const MOST_REACTIONS = 24;

/** The room after `message`. */
export function hear(talk: Talk, message: DemoDown): Talk {
  switch (message.type) {
    case "welcome": {
      const chat = message.chat.map((line, i) => ({ ...line, key: talk.keys + i, old: true }));
      return {
        ...talk,
        id: message.id,
        others: message.participants,
        chat,
        recording: message.recording,
        announcement: message.recording ? "You are in the room. This room is being recorded." : "You are in the room.",
        keys: talk.keys + chat.length,
      };
    }
    case "joined": {
      const others = [...talk.others.filter(({ id }) => id !== message.participant.id), message.participant];
      return { ...talk, others, announcement: `${message.participant.name} joined.` };
    }
    case "left": {
      const gone = talk.others.find(({ id }) => id === message.id);
      if (!gone) return talk;
      return { ...talk, others: talk.others.filter((other) => other !== gone), announcement: `${gone.name} left.` };
    }
    case "media":
      return {
        ...talk,
        others: talk.others.map((other) => (other.id === message.id ? { ...other, media: message.media } : other)),
      };
    case "chat": {
      const line = { ...message.line, key: talk.keys, old: false };
      return { ...talk, chat: [...talk.chat, line].slice(-MOST_LINES), keys: talk.keys + 1 };
    }
    // What others say is heard; who listens here needs no captions of it.
    case "caption":
      return talk;
    case "reaction": {
      const { from, name, emoji } = message;
      const reactions = [...talk.reactions, { key: talk.keys, from, name, emoji }].slice(-MOST_REACTIONS);
      return { ...talk, reactions, keys: talk.keys + 1 };
    }
    case "recording": {
      if (message.active === talk.recording) return talk;
      const announcement = message.active ? "This room is being recorded now." : "The recording has ended.";
      return { ...talk, recording: message.active, announcement };
    }
    case "signal":
    case "refused":
    case "closed":
      return talk;
  }
}

/** A reaction has been shown for long enough. */
export function fade(talk: Talk, key: number): Talk {
  return { ...talk, reactions: talk.reactions.filter((reaction) => reaction.key !== key) };
}
