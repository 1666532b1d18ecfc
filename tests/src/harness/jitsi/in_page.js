/**
 * Media for a recorder without a bridge: behind the real library, which does all else. What a participant's property `inpage` says
 * they publish is made in the recorder's own page, and told as the library tells of tracks.
 *
 * `inpage` is JSON: { camera: "#0a0" | null, screen: "#00a" | null, voice: hertz | null, muted: boolean }
 */
(() => {
  const { JitsiConnection, events } = JitsiMeetJS;
  const { conference: told } = events;
  const init = JitsiConnection.prototype.initJitsiConference;
  // Without a device of its own: the rate of one that is not known yet would make voices a tone higher.
  const audio = new AudioContext({ sampleRate: 48000, sinkId: { type: "none" } });

  class Track {
    constructor(owner, kind, videoType, stream, end) {
      Object.assign(this, { owner, kind, videoType, stream, end, muted: false });
    }
    getType() { return this.kind; }
    getVideoType() { return this.videoType; }
    getParticipantId() { return this.owner; }
    getSourceName() { return `${this.owner}-${this.videoType ?? "a0"}`; }
    getTrackStreamingStatus() { return "active"; }
    isMuted() { return this.muted; }
    attach(element) { element.srcObject = this.stream; }
    detach(element) { element.srcObject = null; }
    on() {}
    // What the library itself asks of tracks.
    addEventListener() {}
    off() {}
    isLocal() { return false; }
    isAudioTrack() { return this.kind === "audio"; }
    isVideoTrack() { return this.kind === "video"; }
    isWebRTCTrackMuted() { return false; }
    getTrack() { return this.stream.getTracks()[0]; }
    getOriginalStream() { return this.stream; }
  }

  function picture(owner, videoType, colour) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    const brush = canvas.getContext("2d");
    let turn = 0;
    const timer = setInterval(() => {
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 640, 360);
      // It moves, so that every frame is another.
      brush.fillStyle = "#fff";
      brush.fillRect((turn = (turn + 8) % 600), 160, 40, 40);
    }, 40);
    return new Track(owner, "video", videoType, canvas.captureStream(25), () => clearInterval(timer));
  }

  function voice(owner, hertz) {
    const [oscillator, quiet, out] = [audio.createOscillator(), audio.createGain(), audio.createMediaStreamDestination()];
    oscillator.frequency.value = hertz;
    quiet.gain.value = 0.25;
    oscillator.connect(quiet).connect(out);
    oscillator.start();
    return new Track(owner, "audio", undefined, out.stream, () => oscillator.stop());
  }

  JitsiConnection.prototype.initJitsiConference = function (name, options) {
    const conference = init.call(this, name, options);
    if (!options.iAmRecorder) return conference;
    const published = new Map();
    const emit = (event, ...args) => conference.eventEmitter.emit(event, ...args);
    const publish = (participant) => {
      const wish = JSON.parse(participant.getProperty("inpage") || "{}");
      const id = participant.getId();
      const has = published.get(id) ?? {};
      for (const [what, make] of [
        ["camera", (colour) => picture(id, "camera", colour)],
        ["screen", (colour) => picture(id, "desktop", colour)],
        ["voice", (hertz) => voice(id, hertz)],
      ]) {
        if (wish[what] && !has[what]) {
          has[what] = make(wish[what]);
          participant._tracks.push(has[what]);
          emit(told.TRACK_ADDED, has[what]);
        } else if (!wish[what] && has[what]) {
          has[what].end();
          participant._tracks.splice(participant._tracks.indexOf(has[what]), 1);
          emit(told.TRACK_REMOVED, has[what]);
          delete has[what];
        }
      }
      if (has.voice && has.voice.muted !== Boolean(wish.muted)) {
        has.voice.muted = Boolean(wish.muted);
        emit(told.TRACK_MUTE_CHANGED, has.voice);
      }
      if (has.voice) {
        emit(told.TRACK_AUDIO_LEVEL_CHANGED, id, has.voice.muted ? 0 : 0.25);
        if (!has.voice.muted) emit(told.DOMINANT_SPEAKER_CHANGED, id, []);
      }
      published.set(id, has);
    };
    conference.on(told.USER_JOINED, (_, participant) => publish(participant));
    conference.on(told.PARTICIPANT_PROPERTY_CHANGED, (participant, property) => {
      if (property === "inpage") publish(participant);
    });
    // What the bridge would be asked for is told to everybody.
    const receive = conference.setReceiverConstraints;
    conference.setReceiverConstraints = (constraints) => {
      receive.call(conference, constraints);
      conference.setLocalParticipantProperty("asked", JSON.stringify(constraints));
    };
    return conference;
  };
})();
