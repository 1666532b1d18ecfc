/** Where tiles go: layouts as data, and pure functions from people and a frame to rectangles. */
export { arrange } from "./arrange";
export { CROPPED_AT, pictureIn } from "./crop";
export { showsPictures } from "./layouts";
export { nextTurn, pageAt } from "./paging";
export { captionOf, USUAL_GAP } from "./placing";
export { frameKind } from "./rect";
export type { Rect, Size } from "./rect";
export type { Arrangement, Person, Placement, Scene, Share } from "./scene";
