/** Jitsi rooms. */
export { JitsiRoom } from "./room";
