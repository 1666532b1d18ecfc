/** What is drawn over and instead of pictures: names, marks, chat, reactions, title and logo, notices. */
export { Avatar } from "./avatar";
export { bandOf, brand } from "./brand";
export { ChatOverlay } from "./chat";
export { element } from "./element";
export { icon } from "./icon";
export { notice } from "./notice";
export { Plate } from "./plate";
export type { Mark } from "./plate";
export { ReactionOverlay } from "./reactions";
