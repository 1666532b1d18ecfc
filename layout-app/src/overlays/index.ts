/** What is drawn over and instead of pictures: names, marks, chat, reactions, title and logo, notices. */
export { Avatar } from "./avatar";
export { BannerOverlay } from "./banner";
export { bandsOf, brand } from "./brand";
export type { Bands } from "./brand";
export { CardOverlay } from "./card";
export { ChatOverlay } from "./chat";
export { ClockOverlay } from "./clock";
export { element } from "./element";
export { HandBadge } from "./hand";
export { icon } from "./icon";
export { LowerThirdOverlay } from "./lower_third";
export { notice } from "./notice";
export { Plate } from "./plate";
export type { Mark } from "./plate";
export { ReactionOverlay } from "./reactions";
export { TickerOverlay } from "./ticker";
export { watermark } from "./watermark";
