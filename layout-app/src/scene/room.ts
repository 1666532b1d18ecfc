import type { Room, RoomListener } from "../adapters/room";
import { Picture } from "../cast/picture";
import { Slides } from "../cast/slides";
import type { Scene } from "../contract";
import type { TrackKey } from "../model";
import { live, OFF } from "../model";
import type { ScenePerson } from "./people";
import { Choir } from "./choir";
import { identityOf, peopleOf } from "./people";
import { EMOJI, LINES, SENTENCES } from "./talk";

const SIZES: Readonly<Record<Exclude<ScenePerson["camera"], "off">, readonly [number, number]>> = {
  wide: [640, 360],
  tall: [360, 640],
  classic: [480, 360],
};

/** What is said and shown for a moment begins when there is something to see it on. */
const FIRST_WORDS_MS = 400;
const BETWEEN_LINES_MS = 3500;
const BETWEEN_REACTIONS_MS = 1100;
const BETWEEN_SPEAKERS_MS = 1700;
const BETWEEN_WORDS_MS = 280;
/** Two kinds of voices, so that it can be heard who speaks. */
const PITCHES = [200, 110, 235, 128] as const;
/** The moment, in seconds, at which pictures stand still. */
const STILL_AT_S = 2;

/** Something drawn that a camera or a screen would send. */
interface Drawn {
  readonly stream: MediaStream;
  paint(time: number): void;
}

/** A room without a network: drawn people who do what a scene says, and what the next one says when it changes. */
export class SimulatedRoom implements Room {
  readonly #drawn = new Map<TrackKey, Drawn>();
  #listener: RoomListener | undefined;
  #people: readonly ScenePerson[] = [];
  #timers: ReturnType<typeof setInterval>[] = [];
  #heard: readonly string[] = [];
  /** Lines and reactions so far: each is the next of its table. */
  #said = { lines: 0, reactions: 0 };
  #understood = { sentence: 0, words: 0 };
  #reconnecting = false;
  readonly #choir = new Choir();

  constructor(private scene: Scene) {}

  join(listener: RoomListener): Promise<void> {
    this.#listener = listener;
    this.#play();
    setTimeout(() => {
      const { chat, reactions, over } = this.scene;
      for (let line = 0; line < chat; line += 1) this.sayNext();
      for (let reaction = 0; reaction < reactions; reaction += 1) this.reactNext();
      if (over) this.#listener?.ended("room_ended");
      if (this.scene.reconnecting) this.#reconnect(true);
    }, FIRST_WORDS_MS);
    return Promise.resolve();
  }

  /** Changes the room to another scene, as far as the two differ. */
  direct(scene: Scene): void {
    const before = this.scene;
    this.scene = scene;
    this.#play();
    this.#reconnect(scene.reconnecting);
    for (let line = before.chat; line < scene.chat; line += 1) this.sayNext();
    for (let reaction = before.reactions; reaction < scene.reactions; reaction += 1) this.reactNext();
  }

  /** Somebody writes the next line. */
  sayNext(): void {
    const { identity, name } = this.#somebody(this.#said.lines);
    const text = LINES[this.#said.lines % LINES.length] ?? "";
    this.#said.lines += 1;
    this.#listener?.changed({ type: "chat", identity, name, text });
  }

  /** Somebody reacts by the next emoji. */
  reactNext(): void {
    const known = this.#somebody(this.#said.reactions * 2);
    const identity = this.scene.strangers ? null : known.identity;
    const emoji = EMOJI[this.#said.reactions % EMOJI.length] ?? "👏";
    this.#said.reactions += 1;
    this.#listener?.changed({ type: "reaction", identity, name: known.name, emoji });
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
    const heard = this.scene.sound ? this.#choir.levelOf(identity) : null;
    if (heard !== null) return heard;
    const time = this.#now();
    return 0.14 + 0.1 * Math.sin(time * 7.3) * Math.sin(time * 2.9) ** 2;
  }

  mix(volumeOf: (identity: string) => number): void {
    this.#choir.mix(volumeOf);
  }

  leave(): void {
    this.#listener = undefined;
    for (const timer of this.#timers) clearInterval(timer);
    for (const key of [...this.#drawn.keys()]) this.#forget(key);
    this.#choir.close();
  }

  #play(): void {
    const people = peopleOf(this.scene);
    const staying = new Set(people.map(({ identity }) => identity));
    for (const { identity } of this.#people) {
      if (!staying.has(identity)) this.#listener?.changed({ type: "participant_left", identity });
    }
    for (const [at, person] of people.entries()) this.#introduce(at, person);
    this.#people = people;
    this.#dropUnseen(people);
    this.#hear(this.scene.speaker);
    this.#setTimers();
  }

  /** Tells all that is known of somebody; what is not new changes nothing. */
  #introduce(at: number, person: ScenePerson): void {
    const { identity, name, camera, sharing } = person;
    const tell = this.#listener?.changed.bind(this.#listener);
    tell?.({ type: "participant_joined", identity, name });
    tell?.({ type: "renamed", identity, name });
    tell?.({ type: "mic", identity, on: person.mic });
    tell?.({ type: "steady", identity, steady: person.steady });
    tell?.({ type: "hand", identity, at: person.hand });
    tell?.({ type: "camera", identity, video: camera === "off" ? OFF : live(this.#camera(at, camera)) });
    tell?.({ type: "screen", identity, video: sharing ? live(this.#screen(at)) : OFF });
  }

  #hear(speaker: number | null): void {
    this.#heard = speaker === null || speaker >= this.#people.length ? [] : [identityOf(speaker)];
    this.#listener?.changed({ type: "heard", identities: this.#heard });
    const voices = new Map(this.#heard.map((identity) => [identity, pitchOf(this.#people, identity)]));
    this.#choir.speak(this.scene.sound ? voices : new Map());
  }

  #reconnect(reconnecting: boolean): void {
    if (reconnecting === this.#reconnecting) return;
    this.#reconnecting = reconnecting;
    this.#listener?.changed({ type: reconnecting ? "reconnecting" : "reconnected" });
  }

  #setTimers(): void {
    const { fps, lively, chat, reactions, captions, restless } = this.scene;
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [setInterval(() => this.#paint(), 1000 / Math.min(Math.max(fps, 1), 60))];
    this.#paint();
    if (lively && chat > 0) this.#timers.push(setInterval(() => this.sayNext(), BETWEEN_LINES_MS));
    if (lively && reactions > 0) this.#timers.push(setInterval(() => this.reactNext(), BETWEEN_REACTIONS_MS));
    if (captions) this.#timers.push(setInterval(() => this.#understand(), BETWEEN_WORDS_MS));
    if (restless && this.#people.length > 0) {
      let stirred = 0;
      this.#timers.push(setInterval(() => this.#stir((stirred += 1)), BETWEEN_SPEAKERS_MS));
    }
  }

  /** One more word of whoever speaks has been understood. */
  #understand(): void {
    const speaker = this.#people.find(({ identity }) => identity === this.#heard[0]);
    if (!speaker) return;
    const { sentence, words } = this.#understood;
    const all = (SENTENCES[sentence % SENTENCES.length] ?? "").split(" ");
    const final = words + 1 >= all.length;
    this.#understood = final ? { sentence: sentence + 1, words: 0 } : { sentence, words: words + 1 };
    const { identity, name } = speaker;
    const text = all.slice(0, words + 1).join(" ");
    this.#listener?.changed({
      type: "caption",
      segment: `sentence ${sentence} ${identity}`,
      identity,
      name,
      text,
      final,
    });
  }

  /** The next one speaks, and the second leaves or comes again. */
  #stir(stirred: number): void {
    this.#hear(stirred % this.#people.length);
    const second = this.#people[1];
    if (!second) return;
    if (stirred % 4 === 2) this.#listener?.changed({ type: "participant_left", identity: second.identity });
    if (stirred % 4 === 0) this.#introduce(1, second);
  }

  #somebody(at: number): { identity: string; name: string } {
    return this.#people[at % Math.max(this.#people.length, 1)] ?? { identity: identityOf(0), name: "Guest" };
  }

  #camera(at: number, shape: Exclude<ScenePerson["camera"], "off">): TrackKey {
    return this.#draw(`camera ${at} ${shape}`, () => {
      const picture = new Picture(at + 1, pitchAt(at), ...SIZES[shape]);
      const level = () => (this.#heard.includes(identityOf(at)) ? this.#mouth(identityOf(at)) : 0);
      return { canvas: picture.canvas, paint: (time) => picture.paint(time, level()) };
    });
  }

  /** How wide it is open, 0 to 1. */
  #mouth(identity: string): number {
    const heard = this.scene.sound ? this.#choir.levelOf(identity) : null;
    return heard === null ? 0.55 : Math.min(heard * 3, 1);
  }

  #screen(at: number): TrackKey {
    return this.#draw(`screen ${at}`, () => {
      const slides = new Slides();
      return { canvas: slides.canvas, paint: (time) => slides.paint(time + 2) };
    });
  }

  #draw(key: TrackKey, make: () => { canvas: HTMLCanvasElement; paint: (time: number) => void }): TrackKey {
    if (!this.#drawn.has(key)) {
      const { canvas, paint } = make();
      this.#drawn.set(key, { stream: canvas.captureStream(), paint });
    }
    return key;
  }

  #dropUnseen(people: readonly ScenePerson[]): void {
    const seen = new Set(
      people.flatMap(({ camera, sharing }, at) => [
        ...(camera === "off" ? [] : [`camera ${at} ${camera}`]),
        ...(sharing ? [`screen ${at}`] : []),
      ]),
    );
    for (const key of [...this.#drawn.keys()]) if (!seen.has(key)) this.#forget(key);
  }

  #forget(key: TrackKey): void {
    for (const track of this.#drawn.get(key)?.stream.getTracks() ?? []) track.stop();
    this.#drawn.delete(key);
  }

  #now(): number {
    return this.scene.still ? STILL_AT_S : performance.now() / 1000;
  }

  #paint(): void {
    const time = this.#now();
    for (const drawn of this.#drawn.values()) drawn.paint(time);
  }
}

function pitchAt(at: number): number {
  return PITCHES[at % PITCHES.length] ?? PITCHES[0];
}

function pitchOf(people: readonly ScenePerson[], identity: string): number {
  return pitchAt(people.findIndex((person) => person.identity === identity));
}
