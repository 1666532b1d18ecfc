import type { Spoken } from "./captions";
import type { FrameShape, Pinned, TrackKey, Video } from "./room";

/**
 * What can happen to a room. Adapters may repeat themselves: a change that changes nothing is ignored, so an adapter can tell
 * the whole of what it knows after every event of its SDK.
 */
export type RoomChange =
  | { readonly type: "joined" }
  | { readonly type: "reconnecting" }
  | { readonly type: "reconnected" }
  | { readonly type: "participant_joined"; readonly identity: string; readonly name: string }
  | { readonly type: "participant_left"; readonly identity: string }
  | { readonly type: "renamed"; readonly identity: string; readonly name: string }
  | { readonly type: "mic"; readonly identity: string; readonly on: boolean }
  | { readonly type: "camera"; readonly identity: string; readonly video: Video }
  | { readonly type: "screen"; readonly identity: string; readonly video: Video }
  | { readonly type: "steady"; readonly identity: string; readonly steady: boolean }
  /** Why what somebody sends can't be opened: a sentence for a person. Null if it can. */
  | { readonly type: "doubted"; readonly identity: string; readonly doubted: boolean }
  | { readonly type: "sealed"; readonly identity: string; readonly reason: string | null }
  | { readonly type: "role"; readonly identity: string; readonly moderator: boolean }
  /** When the hand was raised, in milliseconds of a clock that all hands share; null for a hand that is down. */
  | { readonly type: "hand"; readonly identity: string; readonly at: number | null }
  /** Who is heard from now on, loudest first. */
  | { readonly type: "heard"; readonly identities: readonly string[] }
  /** A frame of this track was shown; told once, and again when the size changes. */
  | ({ readonly type: "frame"; readonly track: TrackKey } & FrameShape)
  | { readonly type: "chat"; readonly identity: string | null; readonly name: string; readonly text: string }
  | { readonly type: "reaction"; readonly identity: string | null; readonly name: string; readonly emoji: string }
  /** Somebody is being understood: the words so far. */
  | ({ readonly type: "caption" } & Spoken)
  /** What the room is about, in words of those who are in it; empty for nothing. */
  | { readonly type: "titled"; readonly title: string }
  /** A line that is to stay; null for none. */
  | { readonly type: "pinned"; readonly line: Pinned | null }
  /** Only time has passed. */
  | { readonly type: "tick" };
