/** Wallflower's own room. The typed socket and the receiving link serve the join page as well. */
export { DemoRoom } from "./room";
export { DemoSocket } from "./socket";
export type { DemoJoin, DemoSocketClose } from "./socket";
export { SubscriberLink } from "./subscriber_link";
export type { LinkMedia } from "./subscriber_link";
