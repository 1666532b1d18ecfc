import type { Participant, RoomState } from "./room";
import { participantOf } from "./room";

/** Those of whom it is known from now on that nothing they send can be opened, and why. */
export function newlySealed(before: RoomState, after: RoomState): (Participant & { sealed: string })[] {
  if (before.participants === after.participants) return [];
  const isNew = (each: Participant): each is Participant & { sealed: string } =>
    each.sealed !== null && participantOf(before, each.identity)?.sealed == null;
  return after.participants.filter(isNew);
}

/** Why there is nothing to record in a room that is joined: nobody who sends anything can be opened. Null if there may be. */
export function sealedRoom(room: RoomState): string | null {
  if (room.connection !== "joined" || room.frames.size > 0) return null;
  const sends = ({ mic, camera, screen }: Participant) => mic || camera.state !== "off" || screen.state !== "off";
  const sending = room.participants.filter(sends);
  const reasons = sending.map(({ sealed }) => sealed).filter((reason) => reason !== null);
  return sending.length === reasons.length ? (reasons[0] ?? null) : null;
}
