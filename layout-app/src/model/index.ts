/**
 * The room as a recording sees it: a value, and one pure function `(room, change, now) → room`. Knows no SDK and no clock.
 */
export type { RoomChange } from "./change";
export { clockText, timeText } from "./clock";
export { raisedHands } from "./hands";
export { cast, isHidden, isTold, volumeOf } from "./look";
export { programme } from "./programme";
export type { OrderedThird, Programme } from "./programme";
export { readiness } from "./readiness";
export { nextWake, reduce } from "./reduce";
export { ANNOUNCED, EMPTY_ROOM, live, OFF, participantOf } from "./room";
export type { Caption, ChatLine, FrameShape, Participant, Pinned, Reaction, RoomState, TrackKey, Video } from "./room";
export { newlySealed, sealedRoom } from "./seal";
export { isSharing, sharers } from "./shares";
export { displayName, drawable, initials, scriptLanguage } from "./text";
export { timeline } from "./timeline";
