import type { Room, RoomListener } from "../adapters/room";
import { Picture } from "../cast/picture";
import { Slides } from "../cast/slides";
import type { TrackKey } from "../model";
import { live } from "../model";
import type { ScenePerson, SceneScript } from "./script";

const SIZES: Readonly<Record<Exclude<ScenePerson["camera"], "off">, readonly [number, number]>> = {
  wide: [640, 360],
  tall: [360, 640],
  classic: [480, 360],
};

/** Something drawn that a camera or a screen would send. */
interface Drawn {
  readonly canvas: HTMLCanvasElement;
  readonly stream: MediaStream;
  paint(time: number): void;
}

/** A room without a network: drawn people who do what a script says. */
export class SceneRoom implements Room {
  readonly #drawn = new Map<TrackKey, Drawn>();
  #painting: ReturnType<typeof setInterval> | undefined;
  #restless: ReturnType<typeof setInterval> | undefined;
  #stirred = 0;
  #heard: readonly string[] = [];

  constructor(private readonly script: SceneScript) {}

  join(listener: RoomListener): Promise<void> {
    const { people, shares, speaker, chat, reactions, fps, reconnecting, restless, over } = this.script;
    for (const [at, person] of people.entries()) {
      const identity = identityOf(at);
      listener.changed({ type: "participant_joined", identity, name: person.name });
      listener.changed({ type: "mic", identity, on: person.mic });
      listener.changed({ type: "steady", identity, steady: person.steady });
      listener.changed({ type: "hand", identity, at: person.hand });
      if (person.camera !== "off") {
        const [width, height] = SIZES[person.camera];
        const picture = new Picture(at + 1, at % 2 === 0 ? 200 : 110, width, height);
        const talks = () => (at === speaker ? 0.55 : 0);
        const track = this.#draw(`camera ${at}`, picture.canvas, (time) => picture.paint(time, talks()));
        listener.changed({ type: "camera", identity, video: live(track) });
      }
      if (shares.includes(at)) {
        const slides = new Slides();
        const track = this.#draw(`screen ${at}`, slides.canvas, (time) => slides.paint(time + 2));
        listener.changed({ type: "screen", identity, video: live(track) });
      }
    }
    this.#hear(listener, speaker);

    this.#painting = setInterval(() => this.#paint(), 1000 / fps);
    this.#paint();
    // What is said and shown for a moment begins when there is something to see it on.
    setTimeout(() => {
      for (const { from, text } of chat) {
        listener.changed({ type: "chat", identity: identityOf(from), name: people[from]?.name ?? "", text });
      }
      for (const { from, emoji } of reactions) {
        const identity = from === null ? null : identityOf(from);
        listener.changed({ type: "reaction", identity, name: people[from ?? 0]?.name ?? "Guest", emoji });
      }
      if (over) listener.ended("room_ended");
      if (reconnecting) listener.changed({ type: "reconnecting" });
    }, 400);
    if (restless && people.length > 0) this.#restless = setInterval(() => this.#stir(listener), 1700);
    return Promise.resolve();
  }

  #hear(listener: RoomListener, speaker: number | null): void {
    this.#heard = speaker === null ? [] : [identityOf(speaker)];
    listener.changed({ type: "heard", identities: this.#heard });
  }

  /** The next one speaks, and the second leaves or comes again. */
  #stir(listener: RoomListener): void {
    const { people } = this.script;
    this.#stirred += 1;
    this.#hear(listener, this.#stirred % people.length);
    const [identity, name] = [identityOf(1), people[1]?.name];
    if (name === undefined) return;
    if (this.#stirred % 4 === 2) listener.changed({ type: "participant_left", identity });
    if (this.#stirred % 4 === 0) {
      listener.changed({ type: "participant_joined", identity, name });
      if (this.#drawn.has("camera 1")) listener.changed({ type: "camera", identity, video: live("camera 1") });
    }
  }

  attach(track: TrackKey, video: HTMLVideoElement): () => void {
    video.srcObject = this.#drawn.get(track)?.stream ?? null;
    void video.play().catch(() => undefined);
    return () => {
      video.srcObject = null;
    };
  }

  /** A voice that rises and falls as speech does. */
  levelOf(identity: string): number {
    if (!this.#heard.includes(identity)) return 0;
    const time = performance.now() / 1000;
    return 0.14 + 0.1 * Math.sin(time * 7.3) * Math.sin(time * 2.9) ** 2;
  }

  silence(): void {
    // Nobody is heard in a scene.
  }

  leave(): void {
    clearInterval(this.#restless);
    clearInterval(this.#painting);
    for (const { stream } of this.#drawn.values()) for (const track of stream.getTracks()) track.stop();
  }

  #draw(key: TrackKey, canvas: HTMLCanvasElement, paint: (time: number) => void): TrackKey {
    this.#drawn.set(key, { canvas, stream: canvas.captureStream(), paint });
    return key;
  }

  #paint(): void {
    const time = performance.now() / 1000;
    for (const drawn of this.#drawn.values()) drawn.paint(time);
  }
}

function identityOf(at: number): string {
  return `person-${at + 1}`;
}
