/** Rooms of a LiveKit server, by livekit-client. */
export { LivekitRoom } from "./room";
