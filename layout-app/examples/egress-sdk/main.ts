/**
 * A recording template that knows nothing of Wallflower: LiveKit's egress SDK reads the address, says when to begin and to end, and
 * tells of the layout. It is recorded without an edit.
 */
import EgressHelper from "@livekit/egress-sdk";
import { Room, RoomEvent, Track } from "livekit-client";

const room = new Room({ adaptiveStream: true });
EgressHelper.setRoom(room);

const show = (layout: string) => {
  document.body.dataset["layout"] = layout;
};
show(EgressHelper.getLayout());
EgressHelper.onLayoutChanged(show);

room.on(RoomEvent.TrackSubscribed, (track) => {
  const element = track.attach();
  document.body.append(element);
  // What is there to be seen is worth recording.
  if (track.kind === Track.Kind.Video)
    element.addEventListener("playing", () => EgressHelper.startRecording(), { once: true });
});
room.on(RoomEvent.TrackUnsubscribed, (track) => {
  for (const element of track.detach()) element.remove();
});

await room.connect(EgressHelper.getLiveKitURL(), EgressHelper.getAccessToken());
