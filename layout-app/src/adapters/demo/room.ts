import { ANNOUNCED, live, OFF } from "../../model";
import type { TrackKey, Video } from "../../model";
import type { DemoDown } from "../../contract/generated/DemoDown";
import type { DemoMedia } from "../../contract/generated/DemoMedia";
import type { DemoParticipant } from "../../contract/generated/DemoParticipant";
import type { Room, RoomListener } from "../room";
import { RoomFailure } from "../room";
import { DemoSocket } from "./socket";
import type { LinkMedia } from "./subscriber_link";
import { SubscriberLink } from "./subscriber_link";
import { Voices } from "../voices";

/** How long the server may take from the first knock to the welcome. */
const JOIN_DEADLINE_MS = 10_000;
/** After that long without the server the room is given up. */
const RECONNECT_DEADLINE_MS = 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
const VOICES_INTERVAL_MS = 150;

/** What the silent participant says of itself. */
const RECORDER = { role: "recorder", name: "", media: { mic: false, camera: false, screen: false } } as const;

/** Somebody in the room, and the connection to them. */
interface Publisher {
  link: SubscriberLink;
  media: DemoMedia;
  sound: HTMLAudioElement;
}

/**
 * The silent participant in a demo room (`orchestrator/domain/src/wire/demo_room.rs`).
 *
 * ```text
 * knocking ── welcome ──▶ joined ── socket lost ──▶ reconnecting ── welcome ──▶ joined
 *    │ deadline, refused      │ closed                   │ deadline, refused
 *    ▼                        ▼                          ▼
 *  failed                   ended                      failed
 * ```
 *
 * Media goes on while the socket is away; after the next welcome every link asks anew, because the recorder has a new id.
 */
export class DemoRoom implements Room {
  #listener: RoomListener | null = null;
  #socket: DemoSocket | null = null;
  #selfId = "";
  #joined = false;
  #pause = FIRST_PAUSE_MS;
  #givingUp: ReturnType<typeof setTimeout> | undefined;
  #knocking: ReturnType<typeof setTimeout> | undefined;
  #listening: ReturnType<typeof setInterval> | undefined;
  #settle: { resolve(): void; reject(failure: RoomFailure): void } | null = null;
  #reached = false;
  readonly #publishers = new Map<string, Publisher>();
  readonly #tracks = new Map<TrackKey, MediaStreamTrack>();
  readonly #keys = new WeakMap<MediaStreamTrack, TrackKey>();
  #lastKey = 0;
  readonly #voices = new Voices();

  #hides: (identity: string) => boolean = () => false;

  constructor(private readonly url: string) {}

  join(listener: RoomListener): Promise<void> {
    this.#listener = listener;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#givingUp = setTimeout(() => {
        const what = this.#reached ? "did not answer" : "could not be reached";
        this.#fail(
          new RoomFailure("room", `The demo room at ${hostOf(this.url)} ${what}; check that its server is running.`),
        );
      }, JOIN_DEADLINE_MS);
      this.#knock();
    });
  }

  attach(track: TrackKey, video: HTMLVideoElement): () => void {
    const media = this.#tracks.get(track);
    video.srcObject = media ? new MediaStream([media]) : null;
    // Autoplay is never blocked in the recorder; a person who opens the page sees the tiles once they click.
    void video.play().catch(() => undefined);
    return () => {
      video.srcObject = null;
    };
  }

  levelOf(identity: string): number {
    return this.#voices.levelOf(identity);
  }

  silence(hides: (identity: string) => boolean): void {
    this.#hides = hides;
    for (const [id, { sound }] of this.#publishers) sound.muted = hides(id);
  }

  leave(): void {
    this.#listener = null;
    this.#settle = null;
    clearTimeout(this.#givingUp);
    clearTimeout(this.#knocking);
    clearInterval(this.#listening);
    this.#socket?.close();
    for (const id of [...this.#publishers.keys()]) this.#drop(id);
  }

  #knock(): void {
    const socket = new DemoSocket(this.url, () => RECORDER, {
      message: (message) => {
        this.#reached = true;
        this.#hear(message);
      },
      closed: ({ opened }) => {
        this.#reached ||= opened;
        this.#lost();
      },
    });
    this.#socket = socket;
  }

  #lost(): void {
    if (!this.#listener) return;
    if (this.#joined) {
      this.#joined = false;
      this.#listener.changed({ type: "reconnecting" });
      this.#givingUp = setTimeout(() => {
        const text = `The connection to the demo room at ${hostOf(this.url)} was lost and could not be restored within ${RECONNECT_DEADLINE_MS / 1000} s.`;
        this.#fail(new RoomFailure("room", text));
      }, RECONNECT_DEADLINE_MS);
    }
    this.#knocking = setTimeout(() => this.#knock(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }

  #hear(message: DemoDown): void {
    const listener = this.#listener;
    if (!listener) return;
    switch (message.type) {
      case "welcome":
        this.#welcome(message.id, message.participants);
        break;
      case "refused":
        this.#fail(new RoomFailure("room", `The demo room did not let the recorder in: ${message.reason}`));
        break;
      case "joined":
        this.#add(message.participant);
        break;
      case "left":
        this.#drop(message.id);
        break;
      case "signal":
        this.#publishers.get(message.publisher)?.link.handle(message.signal);
        break;
      case "media":
        this.#setMedia(message.id, message.media);
        break;
      case "chat":
        listener.changed({
          type: "chat",
          identity: message.line.from,
          name: message.line.name,
          text: message.line.text,
        });
        break;
      case "reaction":
        listener.changed({ type: "reaction", identity: message.from, name: message.name, emoji: message.emoji });
        break;
      case "caption": {
        const { from, name, text, last } = message;
        // A segment's name is its speaker's own.
        const segment = `${from} ${message.segment}`;
        listener.changed({ type: "caption", segment, identity: from, name, text, final: last });
        break;
      }
      case "recording":
        break;
      case "closed":
        this.leave();
        listener.ended("room_ended");
        break;
    }
  }

  #welcome(id: string, participants: readonly DemoParticipant[]): void {
    clearTimeout(this.#givingUp);
    this.#pause = FIRST_PAUSE_MS;
    this.#selfId = id;
    const back = this.#listening !== undefined;
    this.#joined = true;
    this.#listening ??= setInterval(() => this.#listen(), VOICES_INTERVAL_MS);

    const present = new Set(participants.map((participant) => participant.id));
    for (const known of [...this.#publishers.keys()]) if (!present.has(known)) this.#drop(known);
    for (const participant of participants) {
      const known = this.#publishers.get(participant.id);
      if (known) {
        this.#setMedia(participant.id, participant.media);
        known.link.subscribe();
      } else {
        this.#add(participant);
      }
    }
    if (back) this.#listener?.changed({ type: "reconnected" });
    this.#settle?.resolve();
    this.#settle = null;
  }

  #add(participant: DemoParticipant): void {
    const { id, name, role, media } = participant;
    if (role === "recorder" || id === this.#selfId || this.#publishers.has(id)) return;
    const link = new SubscriberLink(
      (signal) => this.#socket?.send({ type: "signal", to: id, publisher: id, signal }),
      (received) => this.#received(id, received),
    );
    const sound = new Audio();
    sound.muted = this.#hides(id);
    this.#publishers.set(id, { link, media, sound });
    this.#listener?.changed({ type: "participant_joined", identity: id, name });
    this.#setMedia(id, media);
    link.subscribe();
  }

  #drop(id: string): void {
    const publisher = this.#publishers.get(id);
    if (!publisher) return;
    this.#publishers.delete(id);
    publisher.link.close();
    publisher.sound.srcObject = null;
    this.#forgetTracks(id);
    this.#voices.forget(id);
    this.#listener?.changed({ type: "participant_left", identity: id });
  }

  #setMedia(id: string, media: DemoMedia): void {
    const publisher = this.#publishers.get(id);
    if (!publisher) return;
    publisher.media = media;
    this.#tellVideo(id, publisher);
    this.#listener?.changed({ type: "mic", identity: id, on: media.mic });
  }

  #received(id: string, received: LinkMedia): void {
    const publisher = this.#publishers.get(id);
    if (!publisher) return;
    this.#forgetTracks(id);
    for (const track of [received.camera, received.screen]) if (track) this.#tracks.set(this.#keyOf(id, track), track);
    play(publisher.sound, received.audio);
    this.#tellVideo(id, publisher);
  }

  #tellVideo(id: string, { media, link }: Publisher): void {
    const video = (on: boolean, track: MediaStreamTrack | null): Video =>
      on ? (track ? live(this.#keyOf(id, track)) : ANNOUNCED) : OFF;
    this.#listener?.changed({ type: "camera", identity: id, video: video(media.camera, link.media.camera) });
    this.#listener?.changed({ type: "screen", identity: id, video: video(media.screen, link.media.screen) });
  }

  /** Not the track's own id: a connection that is made anew has other tracks by the same ids. */
  #keyOf(id: string, track: MediaStreamTrack): TrackKey {
    const known = this.#keys.get(track);
    if (known !== undefined) return known;
    this.#lastKey += 1;
    const key = `${id} ${this.#lastKey}`;
    this.#keys.set(track, key);
    return key;
  }

  #forgetTracks(id: string): void {
    for (const key of [...this.#tracks.keys()]) if (key.startsWith(`${id} `)) this.#tracks.delete(key);
  }

  #listen(): void {
    const levels = [...this.#publishers].map(([id, { media, link }]): [string, number] => [
      id,
      media.mic ? link.audioLevel() : 0,
    ]);
    const heard = this.#voices.heard(levels, performance.now());
    this.#listener?.changed({ type: "heard", identities: heard });
  }

  #fail(failure: RoomFailure): void {
    const listener = this.#listener;
    const settle = this.#settle;
    this.leave();
    if (settle) settle.reject(failure);
    else listener?.failed(failure);
  }
}

function play(sound: HTMLAudioElement, track: MediaStreamTrack | null): void {
  const playing = sound.srcObject instanceof MediaStream ? sound.srcObject.getTracks()[0] : undefined;
  if (playing === (track ?? undefined)) return;
  sound.srcObject = track ? new MediaStream([track]) : null;
  if (track) void sound.play().catch(() => undefined);
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
