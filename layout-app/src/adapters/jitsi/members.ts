import type { RoomChange, TrackKey, Video } from "../../model";
import { ANNOUNCED, live, OFF } from "../../model";
import { Voices } from "../voices";
import type { Shown } from "./constraints";
import type { JitsiConference, JitsiParticipant, JitsiTrack } from "./lib";
import { raisedHandAt } from "./messages";
import type { Sounds } from "./sounds";

/**
 * Who is in a conference, as the room model sees it. Whatever the lib tells of somebody, the whole of what is known of them is told on
 * (`tell`), and the model drops what it knows already: no event of the lib can be missed by half.
 */
export class Members {
  readonly #told = new Set<string>();
  readonly #robots = new Set<string>();
  readonly #tracks = new Map<TrackKey, JitsiTrack>();
  readonly #keys = new WeakMap<JitsiTrack, TrackKey>();
  #lastKey = 0;
  #hides: (identity: string) => boolean = () => false;
  #voices = new Voices();
  readonly #levels = new Map<string, number>();
  #dominant: string | null = null;
  #heard: readonly string[] = [];
  #conference: JitsiConference | null = null;

  constructor(
    private readonly sounds: Sounds,
    private readonly changed: (change: RoomChange) => void,
  ) {}

  /** Everybody who is in this conference; who is not has left. */
  meet(conference: JitsiConference): void {
    this.#conference = conference;
    for (const participant of conference.getParticipants()) this.tell(participant);
  }

  /** Nobody is heard of until `meet`; who was there is not forgotten. */
  lose(): void {
    for (const track of this.#tracks.values()) this.sounds.stop(track);
    this.#tracks.clear();
    this.#levels.clear();
    this.#robots.clear();
    this.#dominant = null;
    this.#conference = null;
    for (const identity of [...this.#told]) this.#forget(identity);
  }

  tell(participant: JitsiParticipant): void {
    const identity = participant.getId();
    if (!this.#conference) return;
    if (!this.#isMember(participant)) {
      this.#forget(identity);
      return;
    }
    this.#told.add(identity);
    this.changed({ type: "participant_joined", identity, name: participant.getDisplayName() ?? "" });
    this.changed({ type: "mic", identity, on: !participant.isAudioMuted() });
    this.changed({ type: "camera", identity, video: this.#videoOf(participant, false) });
    this.changed({ type: "screen", identity, video: this.#videoOf(participant, true) });
    this.changed({ type: "role", identity, moderator: participant.isModerator() });
    this.changed({ type: "hand", identity, at: raisedHandAt(participant.getProperty("raisedHand")) });
    this.changed({ type: "steady", identity, steady: !participant.getTracks().some(isInterrupted) });
    for (const track of participant.getTracks()) {
      if (track.getType() === "audio") this.sounds.play(this.#known(track), this.#hides(identity));
    }
  }

  left(identity: string): void {
    this.#forget(identity);
    this.#robots.delete(identity);
  }

  /** Somebody says of themselves that they are a recorder, too. */
  isRobot(identity: string): void {
    this.#robots.add(identity);
    this.#forget(identity);
  }

  removed(track: JitsiTrack): void {
    this.sounds.stop(track);
    const key = this.#keys.get(track);
    if (key !== undefined) this.#tracks.delete(key);
    const owner = this.#conference?.getParticipantById(track.getParticipantId());
    if (owner) this.tell(owner);
  }

  hears(identity: string, level: number): void {
    this.#levels.set(identity, level);
  }

  dominates(identity: string | null): void {
    this.#dominant = identity;
  }

  /** To be called a few times a second: levels fade by time alone. */
  listen(now: number): void {
    const speaks = (id: string) => this.#conference?.getParticipantById(id)?.isAudioMuted() === false;
    const members = [...this.#told];
    const heard = this.#voices.heard(
      members.map((id) => [id, speaks(id) ? (this.#levels.get(id) ?? 0) : 0]),
      now,
    );
    const { [0]: dominant } = [this.#dominant].filter((id) => id !== null && this.#told.has(id) && speaks(id));
    // The bridge knows best who speaks; where it tells no levels, it alone does.
    const isHeard =
      dominant !== undefined && dominant !== null && (this.#levels.size === 0 || heard.includes(dominant));
    const first = isHeard ? [dominant, ...heard.filter((id) => id !== dominant)] : heard;
    if (first.length === this.#heard.length && first.every((id, at) => id === this.#heard[at])) return;
    this.#heard = first;
    this.changed({ type: "heard", identities: first });
  }

  levelOf(identity: string): number {
    return this.#voices.levelOf(identity);
  }

  silence(hides: (identity: string) => boolean): void {
    this.#hides = hides;
    this.sounds.mute(hides);
  }

  trackOf(key: TrackKey): JitsiTrack | undefined {
    return this.#tracks.get(key);
  }

  /** All pictures that are there, with the heights of their tiles. */
  shown(heightOf: (key: TrackKey) => number): Shown[] {
    return [...this.#tracks]
      .filter(([, track]) => track.getType() === "video")
      .map(([key, track]) => ({
        source: track.getSourceName?.() ?? track.getParticipantId(),
        isScreen: isScreen(track.getVideoType()),
        height: heightOf(key),
      }));
  }

  /** The name of who sent something; null for who is not to be told of. */
  sender(identity: string): { identity: string | null; name: string } | null {
    const participant = this.#conference?.getParticipantById(identity);
    if (!participant) return { identity: null, name: "" };
    return this.#isMember(participant) ? { identity, name: participant.getDisplayName() ?? "" } : null;
  }

  #isMember(participant: JitsiParticipant): boolean {
    if (participant.isHidden() || participant.isHiddenFromRecorder?.() === true) return false;
    return !this.#robots.has(participant.getId());
  }

  #forget(identity: string): void {
    if (!this.#told.delete(identity)) return;
    this.#levels.delete(identity);
    this.#voices.forget(identity);
    for (const [key, track] of this.#tracks) {
      if (track.getParticipantId() !== identity) continue;
      this.sounds.stop(track);
      this.#tracks.delete(key);
    }
    this.changed({ type: "participant_left", identity });
  }

  #videoOf(participant: JitsiParticipant, screen: boolean): Video {
    const tracks = participant.getTracks().filter((track) => track.getType() === "video");
    const track = tracks.findLast((each) => isScreen(each.getVideoType()) === screen && !each.isMuted());
    if (track) {
      this.#known(track);
      return live(this.#keyOf(track));
    }
    const sources = [...(participant.getSources?.().get("video") ?? [])];
    const named = new Set(tracks.map((each) => each.getSourceName?.()));
    const announced = sources.some(
      ([name, { muted, videoType }]) => !muted && !named.has(name) && isScreen(videoType) === screen,
    );
    return announced ? ANNOUNCED : OFF;
  }

  #known(track: JitsiTrack): JitsiTrack {
    this.#tracks.set(this.#keyOf(track), track);
    return track;
  }

  #keyOf(track: JitsiTrack): TrackKey {
    const known = this.#keys.get(track);
    if (known !== undefined) return known;
    this.#lastKey += 1;
    const key = `jitsi ${this.#lastKey}`;
    this.#keys.set(track, key);
    return key;
  }
}

function isScreen(videoType: string | undefined): boolean {
  return videoType?.startsWith("desktop") === true;
}

function isInterrupted(track: JitsiTrack): boolean {
  return track.getTrackStreamingStatus?.() === "interrupted";
}
