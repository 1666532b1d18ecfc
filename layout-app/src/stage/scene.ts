import type { Layout } from "../contract";
import type { Rect, Size } from "./rect";
import type { Guest } from "./seating";

/** A person as far as the arrangement is concerned. */
export interface Person extends Guest {
  /** Width over height of the camera's picture; null when there is none. */
  readonly shape: number | null;
}

/** A screen share as far as the arrangement is concerned. */
export interface Share {
  readonly identity: string;
  /** Width over height; null before the first frame. */
  readonly shape: number | null;
}

/** All that an arrangement depends on, but for where people sat before. */
export interface Scene {
  readonly layout: Layout;
  readonly viewport: Size;
  /** In order of joining. */
  readonly people: readonly Person[];
  /** The one to look at first. */
  readonly shares: readonly Share[];
  readonly speaker: string | null;
  /** Kept free for title, logo and ticker, with their own margin towards the tiles; 0 for nothing. */
  readonly bands: { readonly top: number; readonly bottom: number };
  /** Between tiles, in pixels of a frame whose shorter side is 720. */
  readonly gap: number;
  /** Between tiles and the edge of the frame, in the same pixels; null: as between tiles. */
  readonly margin?: number | null;
  /** Whether there is chat to be shown. */
  readonly chat?: boolean;
  /** Which page of those for whom there is no room on the first; counts up without end, and pages begin anew. */
  readonly page: number;
}

export type Placement = {
  /** Stable for as long as the same thing is shown. */
  readonly key: string;
  readonly rect: Rect;
  /** Fills the frame to its edges: no round corners. */
  readonly bleed: boolean;
} & (
  | {
      readonly kind: "person";
      readonly identity: string;
      /** Where the picture stands, relative to `rect`. */
      readonly picture: Rect;
      /** Stands on another tile. */
      readonly above: boolean;
    }
  /** Somebody who is only heard. */
  | { readonly kind: "voice"; readonly identity: string }
  /** The lowest `caption` pixels of the rectangle are for the name: nothing covers a share. */
  | { readonly kind: "share"; readonly identity: string; readonly caption: number }
  /** How many people are on other pages. */
  | { readonly kind: "more"; readonly count: number }
);

export interface Arrangement {
  readonly placements: readonly Placement[];
  /** To be given back for the next arrangement, so that tiles keep their places. */
  readonly seats: readonly string[];
  /** Over how many pages everybody is spread. */
  readonly pages: number;
  /** Where overlays that belong to the whole may stand: the part of the frame that is looked at. */
  readonly focus: Rect;
  /** The place of chat that would hide people; absent where it stands over what `focus` says. */
  readonly chat?: Rect;
}
