import type { RoomState } from "./room";

/** Whose hands are up, the one that was raised first before the others. */
export function raisedHands({ participants }: RoomState): string[] {
  return participants
    .flatMap(({ identity, handAt }) => (handAt === null ? [] : [{ identity, handAt }]))
    .sort((one, other) => one.handAt - other.handAt)
    .map(({ identity }) => identity);
}
