import type { Participant, RoomState, Video } from "./room";

/** A share counts from the moment its track is here. */
export function isSharing(screen: Video): boolean {
  return screen.state === "live";
}

/** Who shares a screen, the latest first. */
export function sharers({ participants }: RoomState): Participant[] {
  const sharing = participants.filter(({ screen }) => isSharing(screen));
  return sharing.sort((one, other) => other.screenSince - one.screenSince);
}
