/** The thin shell that draws what model and stage say. */
export type { FrameListener, PictureSource } from "./picture";
export { makeTile } from "./make_tile";
export { Motion } from "./motion";
export { Picture } from "./picture";
export { StageView } from "./stage_view";
export type { Tile, TileSetting } from "./tile";
