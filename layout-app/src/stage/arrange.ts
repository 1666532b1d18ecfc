import { alone } from "./alone";
import { shapeFor } from "./grid";
import { LAYOUTS } from "./layouts";
import { lead } from "./lead";
import { personAt, stageArea, voiceAt } from "./placing";
import { frameKind } from "./rect";
import type { Arrangement, Scene } from "./scene";
import { inTiles } from "./tiles";

/** Where everything goes. `seats` is what the last arrangement returned. */
export function arrange(scene: Scene, seats: readonly string[]): Arrangement {
  const { plain, shared } = LAYOUTS[scene.layout];
  const frame = frameKind(scene.viewport);
  const plan = (scene.shares.length > 0 ? shared : plain)[frame];
  const pictures = plan.kind === "tiles" || plan.kind === "lead";
  if (frame === "portrait" && pictures && scene.people.length + scene.shares.length === 1) return upright(scene);
  switch (plan.kind) {
    case "tiles":
      return inTiles(scene, seats, { ...plan, shape: shapeFor(scene.people, plan.shapes) }, personAt);
    case "voices":
      return inTiles(scene, seats, { ...plan, open: true }, voiceAt);
    case "lead":
      return lead(scene, seats, plan);
    case "alone":
      return alone(scene, seats, plan.inset);
  }
}

/** One person in a frame that no camera fills: picture and backdrop take it all, rather than a tile with nothing around it. */
function upright(scene: Scene): Arrangement {
  const area = stageArea(scene);
  const placements = scene.people.map((person) => personAt(person, area));
  return { placements, seats: scene.people.map(({ identity }) => identity), pages: 1, focus: area };
}
