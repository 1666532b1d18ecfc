import type { Fault, PageEnd } from "../contract";
import type { RoomChange, TrackKey } from "../model";

/** What an adapter tells about the room it has joined. */
export interface RoomListener {
  /** Something in the room has changed. May come before `join` resolves: those who were there already. */
  changed(change: RoomChange): void;
  /** The room is over for the silent participant; nothing follows. */
  ended(reason: PageEnd): void;
  /** The room can't be shown any longer; nothing follows. */
  failed(failure: RoomFailure): void;
}

/** A meeting of some kind, as the silent participant sees it. */
export interface Room {
  /** Resolves when joined; rejects with a [`RoomFailure`] within the adapter's deadline. Called once. */
  join(listener: RoomListener): Promise<void>;
  /** Shows a track in a video element until the returned function is called. */
  attach(track: TrackKey, video: HTMLVideoElement): () => void;
  /** How loud somebody is at this moment, from 0 to 1; 0 for who isn't known. */
  levelOf(identity: string): number;
  /** Plays everybody as loud as this says, from now on: 0 is silence, 1 as loud as they are sent, 2 twice as loud. */
  mix(volumeOf: (identity: string) => number): void;
  /** Lets go of everything; nothing is told to the listener any more. */
  leave(): void;
}

/** Why a room can't be shown: one sentence for a person, and whose fault it is. */
export class RoomFailure extends Error {
  readonly fault: Fault;

  constructor(fault: Fault, message: string) {
    super(message);
    this.name = "RoomFailure";
    this.fault = fault;
  }
}
