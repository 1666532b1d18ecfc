/**
 * What the probe page shows and sounds, as data. The media probe that reads recordings back (`tests/src/media_probe`) embeds
 * the same `plan.json`, so that stimulus and expectation cannot drift apart.
 *
 * Lengths are fractions of the viewport, the row of cells is measured in columns of 1/`columns` of its width.
 *
 * `beep.everySeconds` is not 1 on purpose. A beat that is a multiple of the frame interval meets the grid of captured
 * frames at one and the same phase for a whole recording, and the measured offset then says more about that phase (up to
 * 33 ms at 30 fps) than about the recorder. The 12.7 ms are the golden section of 1/30 s: beats walk evenly through the grid.
 */
import plan from "./plan.json";

export default plan;
