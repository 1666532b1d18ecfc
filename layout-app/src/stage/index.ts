/** Where tiles go: pure functions from people and a viewport to rectangles. */
export { arrange, gapOf } from "./arrange";
export type { Arrangement, Fit, Person, Placement, Scene, Share } from "./arrange";
export type { Rect, Size } from "./rect";
