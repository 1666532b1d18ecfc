import type { PageRoom } from "../contract";
import { DemoRoom } from "./demo";
import type { Room } from "./room";

export { RoomFailure } from "./room";
export type { Room, RoomListener } from "./room";

/** The adapter for a kind of room. LiveKit's SDK is ten times the size of the rest and only loaded for its own rooms, as is what plays a room. */
export async function openRoom(room: PageRoom): Promise<Room> {
  switch (room.kind) {
    case "livekit": {
      const { LivekitRoom } = await import("./livekit");
      return new LivekitRoom(room.url, room.token);
    }
    case "jitsi": {
      const { JitsiRoom } = await import("./jitsi");
      return new JitsiRoom(room);
    }
    case "demo":
      return new DemoRoom(room.url);
    case "simulated": {
      const { simulate } = await import("../scene");
      return simulate(room.scene, room.director);
    }
  }
}
