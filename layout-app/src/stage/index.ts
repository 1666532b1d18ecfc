/** Where tiles go: layouts as data, and pure functions from people and a frame to rectangles. */
export { arrange } from "./arrange";
export { CROPPED_AT } from "./crop";
export { nextTurn, pageAt } from "./paging";
export { USUAL_GAP } from "./placing";
export type { Rect, Size } from "./rect";
export type { Arrangement, Person, Placement, Scene, Share } from "./scene";
