import type { RoomEvent } from "../contract";
import type { RoomChange } from "./change";
import type { RoomState } from "./room";
import { participantOf } from "./room";

/** The timeline keeps more of a line than fits into the picture. */
const LONGEST_TEXT = 4000;

/** What a change means for the recording's timeline: the difference between the room before and after it. */
export function timeline(before: RoomState, after: RoomState, change: RoomChange): RoomEvent[] {
  if (before === after) return [];
  const events: RoomEvent[] = [];
  if (before.connection === "joined" && after.connection === "reconnecting") events.push({ kind: "reconnecting" });
  if (before.connection === "reconnecting" && after.connection === "joined") events.push({ kind: "reconnected" });

  if (before.participants !== after.participants) {
    for (const { identity, screen } of before.participants) {
      const still = participantOf(after, identity);
      if (screen.state !== "off" && (!still || still.screen.state === "off")) {
        events.push({ kind: "screen_share_stopped", identity });
      }
      if (!still) events.push({ kind: "participant_left", identity });
    }
    for (const { identity, name, screen } of after.participants) {
      const was = participantOf(before, identity);
      if (!was) events.push({ kind: "participant_joined", identity, name });
      if (screen.state !== "off" && (!was || was.screen.state === "off")) {
        events.push({ kind: "screen_share_started", identity });
      }
    }
  }

  const [spoke, speaks] = [audible(before), audible(after)];
  if (spoke !== speaks) events.push({ kind: "speaker_changed", identity: speaks });

  if (change.type === "caption" && change.final) {
    const caption = after.captions.find(({ segment }) => segment === change.segment);
    if (caption && !before.captioned.includes(change.segment)) {
      const { identity, name, since, at } = caption;
      const text = change.text.slice(0, LONGEST_TEXT);
      events.push({ kind: "caption", identity, name, text, lasted_ms: Math.round(at - since) });
    }
  }

  if (after.lastId > before.lastId) {
    if (change.type === "chat") {
      const line = after.chat.find(({ id }) => id === after.lastId);
      if (line)
        events.push({
          kind: "chat",
          identity: change.identity,
          name: line.name,
          text: change.text.slice(0, LONGEST_TEXT),
        });
    } else if (change.type === "reaction") {
      const reaction = after.reactions.find(({ id }) => id === after.lastId);
      if (reaction) {
        const { identity, name, emoji } = reaction;
        events.push({ kind: "reaction", identity, name, emoji });
      }
    }
  }
  return events;
}

function audible({ speaker }: RoomState): string | null {
  return speaker.silent ? null : speaker.identity;
}
