import type { Placement } from "../stage";
import { MoreTile } from "./more";
import { PersonTile } from "./person";
import { ShareTile } from "./share";
import type { Tile, TileSetting } from "./tile";
import { VoiceTile } from "./voice";

/** The tile for what stands in a place. */
export function makeTile(placement: Placement, setting: TileSetting): Tile {
  switch (placement.kind) {
    case "person":
      return new PersonTile(placement.identity, setting);
    case "voice":
      return new VoiceTile(placement.identity, setting);
    case "share":
      return new ShareTile(placement.identity, setting);
    case "more":
      return new MoreTile(setting);
  }
}
