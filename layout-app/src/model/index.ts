/**
 * The room as a recording sees it: a value, and one pure function `(room, change, now) → room`. Knows no SDK and no clock.
 */
export type { RoomChange } from "./change";
export { clockText, timeText } from "./clock";
export { raisedHands } from "./hands";
export { cast, isHidden, isTold } from "./look";
export { programme } from "./programme";
export type { Caption, Programme } from "./programme";
export { readiness } from "./readiness";
export { nextWake, reduce } from "./reduce";
export { ANNOUNCED, EMPTY_ROOM, live, OFF, participantOf } from "./room";
export type { ChatLine, FrameShape, Participant, Reaction, RoomState, TrackKey, Video } from "./room";
export { drawable, initials, scriptLanguage } from "./text";
export { timeline } from "./timeline";
