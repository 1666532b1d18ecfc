import type { CastAction } from "../contract/cast";
import type { Fault } from "../contract";

/** What one member sends; absent for what is switched off. */
export interface SentMedia {
  mic: MediaStreamTrack | null;
  /** The microphone's track has two channels. */
  stereo: boolean;
  camera: MediaStreamTrack | null;
  screen: MediaStreamTrack | null;
}

/** How the pictures are encoded. */
export interface Encoding {
  fps: number;
  cameraBps: number;
  screenBps: number;
}

/** One member's place in the room. */
export interface Seat {
  /** Resolves when the member is in the room; rejects with a [`SeatFailure`]. Called once. */
  take(): Promise<void>;
  /** Resolves when everything is sent that the member has; rejects with a [`SeatFailure`]. Called once, after `take`. */
  send(): Promise<void>;
  act(action: CastAction): void;
  /** Tells the words so far of a piece of speech. */
  say(segment: string, text: string, last: boolean): void;
  leave(): void;
}

/** Why a member can't be in the room: one sentence for a person, and whose fault it is. */
export class SeatFailure extends Error {
  constructor(
    readonly fault: Fault,
    message: string,
  ) {
    super(message);
    this.name = "SeatFailure";
  }
}
