import type { Room } from "../adapters/room";
import type { Scene } from "../contract";
import { follow } from "./director";
import { SimulatedRoom } from "./room";

export { SimulatedRoom } from "./room";

/** A simulated room, which follows the workshop that has opened it, if one has. */
export function simulate(scene: Scene, director: string | null): Room {
  const room = new SimulatedRoom(scene);
  if (director !== null && window.parent !== window) follow(director, room);
  return room;
}
