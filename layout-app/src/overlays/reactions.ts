import type { Reaction } from "../model";
import { element } from "./element";
import { writeName } from "./name";

/** Where a reaction rises: the tile of who reacted; null when that one has no tile. */
export type TileOf = (identity: string) => HTMLElement | null;

/** Emoji that rise from the tile of who reacted, or from the edge of the frame with a name. */
export class ReactionOverlay {
  /** For those who have no tile. */
  readonly element = element("div", "reactions");
  readonly #shown = new Map<number, HTMLElement>();

  show(reactions: readonly Reaction[], tileOf: TileOf): void {
    const ids = new Set(reactions.map(({ id }) => id));
    for (const [id, drawn] of this.#shown) {
      if (ids.has(id)) continue;
      this.#shown.delete(id);
      drawn.remove();
    }
    for (const reaction of reactions) {
      if (this.#shown.has(reaction.id)) continue;
      const tile = reaction.identity === null ? null : tileOf(reaction.identity);
      const drawn = draw(reaction, tile === null);
      this.#shown.set(reaction.id, drawn);
      (tile ?? this.element).append(drawn);
    }
  }
}

function draw({ id, emoji, name }: Reaction, named: boolean): HTMLElement {
  const drawn = element("div", "reaction", element("span", "reaction__emoji", emoji));
  // Neighbours rise in different places, and the same reaction in the same place in every recording of a room.
  drawn.style.setProperty("--lane", String((id * 2) % 3));
  if (named) {
    const who = element("span", "reaction__name");
    writeName(who, name);
    drawn.append(who);
  }
  return drawn;
}
