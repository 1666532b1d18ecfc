import type { Participant, RoomState } from "./room";

/** How long a room without video is given for somebody to switch a camera on. */
export const NO_VIDEO_MS = 500;
/** How long an announced camera may take to its first frame before the recording starts without it. */
export const NO_FRAME_MS = 5000;
/** How long it may take to know whether the key opens what is sent: on a slow machine, failures that are told once a second come late. */
export const DOUBT_MS = 12_000;

/**
 * Whether what is shown is worth recording, once the room is joined:
 * 1. a frame of some video was shown: yes;
 * 2. nobody has a camera or a screen on, or none would be shown: yes after NO_VIDEO_MS; an empty room too, for a recorder that comes early
 *    is normal;
 * 3. video is announced and no frame has come: yes after NO_FRAME_MS;
 * 4. the key has failed and may yet open something: yes after DOUBT_MS.
 *
 * Otherwise the time at which to ask again; null for as soon as something changes.
 */
export function readiness(room: RoomState, showsPictures: boolean, now: number): "ready" | number | null {
  if (room.joinedAt === null) return null;
  if (room.frames.size > 0) return "ready";
  const isSeen = (each: Participant) => each.camera.state !== "off" || each.screen.state !== "off";
  const awaited = showsPictures && room.participants.some(isSeen);
  const isInDoubt = room.participants.some(({ doubted, sealed }) => doubted && sealed === null);
  const due = room.joinedAt + (isInDoubt ? DOUBT_MS : awaited ? NO_FRAME_MS : NO_VIDEO_MS);
  return now >= due ? "ready" : due;
}
