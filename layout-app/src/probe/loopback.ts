/**
 * Sends tracks through a pair of peer connections inside this page and returns what the receiving end would play. It is the
 * path of a meeting (encoder, packets, jitter buffer, the browser's own lip-sync), without a network.
 */
export async function loopback(tracks: MediaStreamTrack[]): Promise<MediaStream> {
  const [here, there] = [new RTCPeerConnection(), new RTCPeerConnection()];
  here.onicecandidate = ({ candidate }) => void there.addIceCandidate(candidate ?? undefined);
  there.onicecandidate = ({ candidate }) => void here.addIceCandidate(candidate ?? undefined);

  const sent = new MediaStream(tracks);
  const received = new Promise<MediaStream>((resolve) => {
    there.ontrack = ({ streams: [stream] }) => {
      if (stream !== undefined && stream.getTracks().length === tracks.length) resolve(stream);
    };
  });
  for (const track of tracks) here.addTrack(track, sent);

  await here.setLocalDescription();
  await there.setRemoteDescription(here.localDescription as RTCSessionDescription);
  await there.setLocalDescription();
  await here.setRemoteDescription(there.localDescription as RTCSessionDescription);
  return received;
}
