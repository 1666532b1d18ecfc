import { Presence, type Standing } from "../adapters/demo/presence";
import { Publisher } from "../adapters/demo/publisher";
import { SubscriberLink, type LinkMedia } from "../adapters/demo/subscriber_link";
import { Voices } from "../adapters/voices";
import type { DemoDown } from "../contract/generated/DemoDown";
import type { DemoMedia } from "../contract/generated/DemoMedia";
import type { Devices } from "./devices";
import type { Loudness } from "./loudness";
import { fade, hear, SILENCE, type Talk } from "./talk";
import type { Device } from "./trouble";

const LISTEN_INTERVAL_MS = 150;
export const REACTION_MS = 3600;

/** The connection to somebody else, and the element that plays their voice. */
interface Other {
  link: SubscriberLink;
  sound: HTMLAudioElement;
}

/** A person's call in a demo room: signalling, the own media to everybody, and everybody's media. */
export class Call {
  #talk: Talk = SILENCE;
  #standing: Standing = { at: "joining" };
  #soundBlocked = false;
  #heard: readonly string[] = [];
  readonly #others = new Map<string, Other>();
  readonly #voices = new Voices();
  readonly #presence: Presence;
  readonly #publisher: Publisher;
  readonly #listening: ReturnType<typeof setInterval>;
  readonly #fading = new Set<ReturnType<typeof setTimeout>>();
  readonly #online = () => this.#presence.hurry();

  constructor(
    url: string,
    readonly name: string,
    private readonly devices: Devices,
    private readonly loudness: Loudness,
    private readonly changed: () => void,
  ) {
    this.#publisher = new Publisher(
      (to, signal) => this.#presence.send({ type: "signal", to, publisher: this.#talk.id, signal }),
      {
        micBps: 40_000,
        cameraBps: 1_200_000,
        screenBps: 1_800_000,
      },
    );
    for (const device of ["mic", "camera", "screen"] as const) this.#publisher.set(device, devices.track(device));
    this.#presence = new Presence(url, () => ({ role: "person", name, media: this.media }), {
      message: (message) => this.#receive(message),
      standing: (standing) => {
        this.#standing = standing;
        if (standing.at === "out") this.leave();
        changed();
      },
    });
    this.#listening = setInterval(() => this.#listen(), LISTEN_INTERVAL_MS);
    window.addEventListener("online", this.#online);
  }

  get talk(): Talk {
    return this.#talk;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** The browser plays nobody's voice before the person does something. */
  get soundBlocked(): boolean {
    return this.#soundBlocked;
  }

  /** Ids of who is heard, loudest first. */
  get heard(): readonly string[] {
    return this.#heard;
  }

  /** What the person sends. */
  get media(): DemoMedia {
    return { mic: this.devices.isOn("mic"), camera: this.devices.isOn("camera"), screen: this.devices.isOn("screen") };
  }

  /** What arrives from somebody else. */
  received(id: string): LinkMedia | null {
    return this.#others.get(id)?.link.media ?? null;
  }

  /** A device was switched. */
  switched(device: Device): void {
    this.#publisher.set(device, this.devices.track(device));
    this.#presence.send({ type: "media", media: this.media });
  }

  say(text: string): void {
    this.#presence.send({ type: "chat", text });
  }

  react(emoji: string): void {
    this.#presence.send({ type: "reaction", emoji });
  }

  /** To be called from a click. */
  unblockSound(): void {
    this.#soundBlocked = false;
    for (const { sound } of this.#others.values()) this.#play(sound);
    this.changed();
  }

  leave(): void {
    clearInterval(this.#listening);
    for (const timer of this.#fading) clearTimeout(timer);
    window.removeEventListener("online", this.#online);
    this.#presence.leave();
    this.#publisher.close();
    for (const id of [...this.#others.keys()]) this.#drop(id);
  }

  #receive(message: DemoDown): void {
    this.#talk = hear(this.#talk, message);
    switch (message.type) {
      case "welcome":
        this.#publisher.dropAll();
        this.#welcome(message.participants.map(({ id }) => id));
        break;
      case "joined":
        this.#add(message.participant.id);
        break;
      case "left":
        this.#drop(message.id);
        this.#publisher.drop(message.id);
        break;
      case "signal":
        if (message.publisher === this.#talk.id) this.#publisher.handle(message.from, message.signal);
        else if (message.publisher === message.from) this.#others.get(message.from)?.link.handle(message.signal);
        return;
      case "reaction":
        this.#fadeLater(this.#talk.keys - 1);
        break;
      default:
        break;
    }
    this.changed();
  }

  /** Media of those who are still there goes on until their links, asked anew under the person's new id, are connected. */
  #welcome(present: readonly string[]): void {
    for (const id of [...this.#others.keys()]) if (!present.includes(id)) this.#drop(id);
    for (const id of present) {
      const known = this.#others.get(id);
      if (known) known.link.subscribe();
      else this.#add(id);
    }
  }

  #add(id: string): void {
    if (this.#others.has(id)) return;
    const sound = new Audio();
    const link = new SubscriberLink(
      (signal) => this.#presence.send({ type: "signal", to: id, publisher: id, signal }),
      ({ audio }) => {
        const playing = sound.srcObject instanceof MediaStream ? sound.srcObject.getTracks()[0] : null;
        if (playing !== audio) {
          sound.srcObject = audio ? new MediaStream([audio]) : null;
          if (audio) this.#play(sound);
        }
        this.changed();
      },
    );
    this.#others.set(id, { link, sound });
    link.subscribe();
  }

  #drop(id: string): void {
    const other = this.#others.get(id);
    if (!other) return;
    this.#others.delete(id);
    this.#voices.forget(id);
    other.link.close();
    other.sound.srcObject = null;
  }

  #play(sound: HTMLAudioElement): void {
    if (!sound.srcObject) return;
    sound.play().catch((error: unknown) => {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      this.#soundBlocked = true;
      this.changed();
    });
  }

  #listen(): void {
    const levels: [string, number][] = this.#talk.others.map(({ id, media }) => [
      id,
      media.mic ? (this.#others.get(id)?.link.audioLevel() ?? 0) : 0,
    ]);
    levels.push([this.#talk.id, this.devices.isOn("mic") ? this.loudness.level() : 0]);
    const heard = this.#voices.heard(levels, performance.now());
    const same = heard.length === this.#heard.length && heard.every((id) => this.#heard.includes(id));
    this.#heard = heard;
    if (!same) this.changed();
  }

  #fadeLater(key: number): void {
    const timer = setTimeout(() => {
      this.#fading.delete(timer);
      this.#talk = fade(this.#talk, key);
      this.changed();
    }, REACTION_MS);
    this.#fading.add(timer);
  }
}
