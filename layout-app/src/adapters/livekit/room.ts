import type {
  RemoteParticipant,
  RemoteTrack,
  RemoteTrackPublication,
  TextStreamReader,
  Track as LivekitTrack,
} from "livekit-client";
import {
  ConnectionQuality,
  LogLevel,
  ParticipantKind,
  Room as LivekitClient,
  RoomEvent,
  setLogLevel,
  Track,
} from "livekit-client";
import type { TrackKey, Video } from "../../model";
import { ANNOUNCED, live, OFF } from "../../model";
import type { Room, RoomListener } from "../room";
import { RoomFailure } from "../room";
import { playable, Sound } from "../sound";
import type { SharedKey } from "./encryption";
import { joinFailure, joinTooLate, partingOf } from "./failure";
import {
  CHAT_TOPIC,
  LEGACY_CHAT_TOPIC,
  handRaisedAt,
  legacyChatLine,
  pinnedMessage,
  REACTION_TOPICS,
  reactionEmoji,
  TRANSCRIBED_TRACK,
  TRANSCRIPTION_FINAL,
  TRANSCRIPTION_SEGMENT,
  TRANSCRIPTION_TOPIC,
} from "./messages";
import { Seal } from "./seal";

/** From the first knock to media that can flow. */
const JOIN_DEADLINE_MS = 15_000;
/** Nobody types that much; a stream that goes on is dropped. */
const LONGEST_MESSAGE_BYTES = 64 * 1024;

/**
 * The silent participant in a LiveKit room. Whatever the SDK tells of somebody, the whole of what is known of them is told on
 * (`#tell`), and the model drops what it knows already: no event of the SDK can be missed by half.
 */
export class LivekitRoom implements Room {
  readonly #client: LivekitClient;
  #listener: RoomListener | null = null;
  #joined = false;
  readonly #told = new Set<string>();
  readonly #tracks = new Map<TrackKey, RemoteTrack>();
  readonly #keys = new WeakMap<RemoteTrack, TrackKey>();
  #lastKey = 0;
  readonly #sounds = new Map<RemoteTrack, { readonly identity: string; readonly sound: Sound }>();
  readonly #seal: Seal;
  #volumeOf: (identity: string) => number = () => 1;

  constructor(
    private readonly url: string,
    private readonly token: string,
    /** For a room that is encrypted from end to end. */
    private readonly key: SharedKey | null = null,
  ) {
    setLogLevel(LogLevel.warn);
    this.#seal = new Seal(key !== null);
    this.#client = new LivekitClient({
      // Each picture at the size of its tile. A recorder's window is never "in background", whatever the display says.
      adaptiveStream: { pixelDensity: 1, pauseVideoInBackground: false },
      disconnectOnPageLeave: true,
      dataStream: { maxPayloadByteLength: LONGEST_MESSAGE_BYTES },
      ...(key && { encryption: key.options }),
    });
  }

  async join(listener: RoomListener): Promise<void> {
    this.#listener = listener;
    this.#listen();
    let signalled = false;
    this.#client.once(RoomEvent.SignalConnected, () => {
      signalled = true;
    });
    let tooLate: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_, reject) => {
      tooLate = setTimeout(() => reject(joinTooLate(this.url, signalled, JOIN_DEADLINE_MS / 1000)), JOIN_DEADLINE_MS);
    });
    try {
      // One retry: a server that isn't up at once is given a moment, one that isn't there is named while people still wait.
      const connected = this.#client.connect(this.url, this.token, { autoSubscribe: true, maxRetries: 1 });
      await Promise.race([connected, deadline]);
    } catch (error) {
      this.leave();
      throw error instanceof RoomFailure ? error : joinFailure(error, this.url);
    } finally {
      clearTimeout(tooLate);
    }
    this.#joined = true;
    // The server lists those who were here first in no order.
    const joined = ({ joinedAt }: RemoteParticipant) => joinedAt?.getTime() ?? 0;
    const present = [...this.#client.remoteParticipants.values()].sort((one, other) => joined(one) - joined(other));
    for (const participant of present) this.#tell(participant);
    this.#pin();
  }

  attach(key: TrackKey, video: HTMLVideoElement): () => void {
    const track = this.#tracks.get(key);
    track?.attach(video);
    return () => {
      track?.detach(video);
    };
  }

  /** As the server measures it, a few times a second. */
  levelOf(identity: string): number {
    return this.#client.remoteParticipants.get(identity)?.audioLevel ?? 0;
  }

  mix(volumeOf: (identity: string) => number): void {
    this.#volumeOf = volumeOf;
    for (const { identity, sound } of this.#sounds.values()) sound.setVolume(volumeOf(identity));
  }

  leave(): void {
    this.#listener = null;
    for (const track of [...this.#sounds.keys()]) this.#silence(track);
    void this.#client
      .disconnect()
      .catch(() => undefined)
      .finally(() => this.key?.end());
  }

  #listen(): void {
    const client = this.#client;
    const tell = (participant: RemoteParticipant) => this.#tell(participant);
    const tellOwner = (_: unknown, participant: { identity: string }) => {
      const owner = client.remoteParticipants.get(participant.identity);
      if (owner) this.#tell(owner);
    };
    client
      .on(RoomEvent.ParticipantConnected, tell)
      // When the SDK joins anew it lets everybody go first and says only then that it reconnects. One turn later it is said.
      .on(RoomEvent.ParticipantDisconnected, ({ identity }) => {
        queueMicrotask(() => {
          if (!client.remoteParticipants.has(identity)) this.#forget(identity);
        });
      })
      .on(RoomEvent.ParticipantNameChanged, tellOwner)
      .on(RoomEvent.ParticipantAttributesChanged, tellOwner)
      .on(RoomEvent.TrackPublished, tellOwner)
      .on(RoomEvent.TrackUnpublished, tellOwner)
      .on(RoomEvent.TrackMuted, tellOwner)
      .on(RoomEvent.TrackUnmuted, tellOwner)
      .on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
        if (!this.#isNoise(publication)) this.#play(track, participant.identity);
        this.#tell(participant);
      })
      .on(RoomEvent.TrackUnsubscribed, (track, _, participant) => {
        this.#silence(track);
        this.#tracks.delete(this.#keyOf(track));
        this.#tell(participant);
      })
      .on(RoomEvent.EncryptionError, ({ message }, participant) => {
        if (!participant) return;
        this.#seal.failed(participant.identity, message);
        tellOwner(null, participant);
      })
      .on(RoomEvent.ConnectionQualityChanged, tellOwner)
      .on(RoomEvent.ActiveSpeakersChanged, (speakers) => {
        const identities = speakers.map(({ identity }) => identity);
        this.#listener?.changed({ type: "heard", identities });
      })
      .on(RoomEvent.Reconnecting, () => this.#listener?.changed({ type: "reconnecting" }))
      .on(RoomEvent.Reconnected, () => {
        // Those who are here again must be told before it is settled who is gone.
        for (const participant of client.remoteParticipants.values()) this.#tell(participant);
        this.#listener?.changed({ type: "reconnected" });
      })
      .on(RoomEvent.DataReceived, (payload, participant, _, topic) => {
        if (payload.byteLength > LONGEST_MESSAGE_BYTES) return;
        const text = new TextDecoder().decode(payload);
        if (topic === LEGACY_CHAT_TOPIC) {
          const line = legacyChatLine(text);
          if (line !== null) this.#chat(participant?.identity, line);
        } else if (topic !== undefined && REACTION_TOPICS.includes(topic)) {
          this.#react(participant?.identity, reactionEmoji(text));
        }
      })
      .on(RoomEvent.ChatMessage, ({ message }, participant) => this.#chat(participant?.identity, message))
      // As text streams come the same words again, under the same names; the model knows them then.
      .on(RoomEvent.TranscriptionReceived, (segments, participant) => {
        for (const { id, text, final } of segments) this.#caption(participant?.identity, id, text, final);
      })
      .on(RoomEvent.RoomMetadataChanged, () => this.#pin())
      .on(RoomEvent.Disconnected, (reason) => {
        const listener = this.#listener;
        // Before the join it is `connect` that fails, with a better reason.
        if (!listener || !this.#joined) return;
        const parting = partingOf(reason, this.url);
        if (parting === null) return;
        this.#listener = null;
        if (parting instanceof RoomFailure) listener.failed(parting);
        else listener.ended(parting);
      });

    this.#listenToSpeech();
    this.#onText(CHAT_TOPIC, (identity, text) => this.#chat(identity, text));
    for (const topic of REACTION_TOPICS) {
      this.#onText(topic, (identity, text) => this.#react(identity, reactionEmoji(text)));
    }
  }

  #pin(): void {
    if (this.#joined) this.#listener?.changed({ type: "pinned", line: pinnedMessage(this.#client.metadata) });
  }

  #listenToSpeech(): void {
    this.#client.registerTextStreamHandler(TRANSCRIPTION_TOPIC, (reader, { identity }) => {
      // Broken off: the words so far stay for their time.
      this.#follow(reader, identity).catch(() => undefined);
    });
  }

  /** A stream is a piece of speech, or the words so far of one. */
  async #follow(reader: TextStreamReader, sender: string): Promise<void> {
    const attributes = () => reader.info.attributes ?? {};
    const segment = attributes()[TRANSCRIPTION_SEGMENT] ?? reader.info.id;
    const speaker = this.#ownerOf(attributes()[TRANSCRIBED_TRACK]) ?? sender;
    let text = "";
    for await (const words of reader) {
      if (text.length + words.length > LONGEST_MESSAGE_BYTES) return;
      text += words;
      this.#caption(speaker, segment, text, false);
    }
    this.#caption(speaker, segment, text, attributes()[TRANSCRIPTION_FINAL] === "true");
  }

  #ownerOf(track: string | undefined): string | undefined {
    if (track === undefined) return undefined;
    const owners = [...this.#client.remoteParticipants.values()];
    return owners.find(({ trackPublications }) => trackPublications.has(track))?.identity;
  }

  #caption(identity: string | undefined, segment: string, text: string, final: boolean): void {
    const name = this.#nameOf(identity);
    this.#listener?.changed({ type: "caption", segment, identity: identity ?? null, name, text, final });
  }

  #onText(topic: string, hear: (identity: string, text: string) => void): void {
    this.#client.registerTextStreamHandler(topic, (reader: TextStreamReader, { identity }) => {
      reader.readAll().then(
        (text) => hear(identity, text),
        // Broken off or too long: the sender's loss.
        () => undefined,
      );
    });
  }

  #chat(identity: string | undefined, text: string): void {
    this.#listener?.changed({ type: "chat", identity: identity ?? null, name: this.#nameOf(identity), text });
  }

  #react(identity: string | undefined, emoji: string): void {
    this.#listener?.changed({ type: "reaction", identity: identity ?? null, name: this.#nameOf(identity), emoji });
  }

  #nameOf(identity: string | undefined): string {
    return (identity !== undefined && this.#client.remoteParticipants.get(identity)?.name) || "";
  }

  #tell(participant: RemoteParticipant): void {
    const listener = this.#listener;
    const { identity } = participant;
    // Before the join is through, all are told at once afterwards. And the SDK still tells of the tracks of somebody it let go.
    if (!listener || !this.#joined || this.#client.remoteParticipants.get(identity) !== participant) return;
    if (!hasTile(participant)) {
      this.#forget(identity);
      return;
    }
    this.#told.add(identity);
    listener.changed({ type: "participant_joined", identity, name: participant.name ?? "" });
    listener.changed({ type: "mic", identity, on: participant.isMicrophoneEnabled });
    listener.changed({ type: "camera", identity, video: this.#videoOf(participant, Track.Source.Camera) });
    listener.changed({ type: "screen", identity, video: this.#videoOf(participant, Track.Source.ScreenShare) });
    listener.changed({ type: "hand", identity, at: handRaisedAt(participant.attributes) });
    listener.changed({ type: "steady", identity, steady: participant.connectionQuality !== ConnectionQuality.Lost });
    listener.changed({ type: "doubted", identity, doubted: this.#seal.doubts(identity) });
    const sealed = this.#seal.reason(identity, participant.name ?? "", isEncrypted(participant));
    listener.changed({ type: "sealed", identity, reason: sealed });
  }

  #forget(identity: string): void {
    this.#seal.forget(identity);
    if (this.#told.delete(identity)) this.#listener?.changed({ type: "participant_left", identity });
  }

  /** Every voice is heard, whoever is in the picture, and once. */
  #play(track: RemoteTrack, identity: string): void {
    if (track.kind !== Track.Kind.Audio || this.#sounds.has(track)) return;
    const sound = new Sound();
    sound.setVolume(this.#volumeOf(identity));
    sound.play(playable(track.mediaStreamTrack));
    this.#sounds.set(track, { identity, sound });
  }

  /** What is encrypted would be decoded as if it were not. */
  #isNoise({ isEncrypted }: RemoteTrackPublication): boolean {
    return isEncrypted && this.key === null;
  }

  #silence(track: RemoteTrack): void {
    this.#sounds.get(track)?.sound.close();
    this.#sounds.delete(track);
  }

  #videoOf(participant: RemoteParticipant, source: LivekitTrack.Source): Video {
    const publication = participant.getTrackPublication(source);
    if (!publication || publication.isMuted) return OFF;
    const { track } = publication;
    if (!track || this.#isNoise(publication)) return ANNOUNCED;
    const key = this.#keyOf(track as RemoteTrack);
    this.#tracks.set(key, track as RemoteTrack);
    return live(key);
  }

  /** Not the track's sid: one that is subscribed to anew is another track by the same sid. */
  #keyOf(track: RemoteTrack): TrackKey {
    const known = this.#keys.get(track);
    if (known !== undefined) return known;
    this.#lastKey += 1;
    const key = `livekit ${this.#lastKey}`;
    this.#keys.set(track, key);
    return key;
  }
}

/** Machines that show nothing are not people: agents that only listen, other recorders. */
function hasTile(participant: RemoteParticipant): boolean {
  if (participant.permissions?.hidden) return false;
  const machine = participant.kind === ParticipantKind.AGENT || participant.kind === ParticipantKind.EGRESS;
  return !machine || participant.trackPublications.size > 0;
}

function isEncrypted({ trackPublications }: RemoteParticipant): boolean {
  return [...trackPublications.values()].some((publication) => publication.isEncrypted);
}
