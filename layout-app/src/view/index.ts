/** The thin shell that draws what model and stage say. */
export type { FrameListener, PictureSource } from "./picture";
export { StageView } from "./stage_view";
