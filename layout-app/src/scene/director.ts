import type { Scene } from "../contract";
import type { SimulatedRoom } from "./room";

/** What a workshop asks of the simulated room in its frame. */
export type Direction =
  | { readonly type: "wallflower.scene"; readonly scene: Scene }
  | { readonly type: "wallflower.moment"; readonly moment: "chat" | "reaction" };

/** Has the workshop that frames this page change the room; nobody else is listened to. */
export function follow(director: string, room: SimulatedRoom): void {
  addEventListener("message", ({ source, origin, data }: MessageEvent<unknown>) => {
    if (source !== window.parent || origin !== director || typeof data !== "object" || data === null) return;
    const direction = data as Direction;
    switch (direction.type) {
      case "wallflower.scene":
        room.direct(direction.scene);
        break;
      case "wallflower.moment":
        if (direction.moment === "chat") room.sayNext();
        else room.reactNext();
        break;
    }
  });
}
