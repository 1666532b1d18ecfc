import type { TrackKey } from "../../model";
import type { Room, RoomListener } from "../room";
import { RoomFailure } from "../room";
import { constraintsFor } from "./constraints";
import type { Deployment } from "./deployment";
import { loadDeployment } from "./deployment";
import type { Parting } from "./failure";
import { notRestored } from "./failure";
import { Meeting } from "./meeting";
import { Members } from "./members";
import type { JitsiPlace } from "./options";
import type { Sounds } from "./sounds";
import { PageSounds } from "./sounds";
import type { Tiles } from "./tiles";
import { PageTiles } from "./tiles";

/** From the first script to being in. The page itself is given a little longer, so that what took so long is told. */
const JOIN_DEADLINE_MS = 15_000;
/** After that long without the room it is given up. */
const RECONNECT_DEADLINE_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
const VOICES_INTERVAL_MS = 150;

/** What a room stands on in a page, and may be something else in a test. */
export interface Ground {
  load(url: string): Promise<Deployment>;
  readonly sounds: Sounds;
  readonly tiles: Tiles;
}

/**
 * The silent participant in a Jitsi room, by the deployment's own lib-jitsi-meet.
 *
 * ```text
 * loading ──▶ entering ── in ──▶ joined ── lost ──▶ reconnecting ── in ──▶ joined
 *    │ failed    │ refused          │ closed, kicked     │ deadline, refused
 *    ▼           ▼                  ▼                    ▼
 *  failed      failed             ended                failed
 * ```
 *
 * The lib restores what it can of a connection by itself; what it gives up is entered anew, with the same scripts.
 */
export class JitsiRoom implements Room {
  #listener: RoomListener | null = null;
  #deployment: Deployment | null = null;
  #meeting: Meeting | null = null;
  #listening: ReturnType<typeof setInterval> | undefined;
  #returning: ReturnType<typeof setTimeout> | undefined;
  readonly #members: Members;
  /** Another recording to the room's members than any other, and the same after a break. */
  readonly #session = crypto.randomUUID();

  constructor(
    private readonly place: JitsiPlace,
    private readonly ground: Ground = { load: loadDeployment, sounds: new PageSounds(), tiles: new PageTiles() },
  ) {
    this.#members = new Members(ground.sounds, (change) => this.#listener?.changed(change));
    ground.tiles.onChange(() => this.#receive());
  }

  async join(listener: RoomListener): Promise<void> {
    this.#listener = listener;
    const began = performance.now();
    try {
      this.#deployment = await this.ground.load(this.place.url);
      await this.#enter(this.#deployment, Math.max(1000, JOIN_DEADLINE_MS - (performance.now() - began)));
    } catch (error) {
      this.leave();
      if (error instanceof RoomFailure) throw error;
      const detail = error instanceof Error ? error.message : String(error);
      throw new RoomFailure("room", `The Jitsi deployment's lib-jitsi-meet failed: ${detail.slice(0, 200)}.`);
    }
    this.#listening = setInterval(() => this.#members.listen(performance.now()), VOICES_INTERVAL_MS);
  }

  attach(key: TrackKey, video: HTMLVideoElement): () => void {
    const track = this.#members.trackOf(key);
    return track ? this.ground.tiles.show(key, track, video) : () => undefined;
  }

  levelOf(identity: string): number {
    return this.#members.levelOf(identity);
  }

  silence(hides: (identity: string) => boolean): void {
    this.#members.silence(hides);
  }

  leave(): void {
    this.#listener = null;
    clearInterval(this.#listening);
    clearTimeout(this.#returning);
    this.#meeting?.leave();
    this.#members.lose();
  }

  async #enter(deployment: Deployment, deadlineMs: number): Promise<void> {
    const meeting = new Meeting(
      deployment,
      this.place,
      this.#members,
      {
        changed: (change) => this.#listener?.changed(change),
        lost: (parting) => this.#lost(parting),
        kicked: () => this.#end("kicked"),
      },
      this.#session,
    );
    this.#meeting = meeting;
    await meeting.enter(deadlineMs);
    this.#receive();
  }

  #receive(): void {
    const shown = this.#members.shown((key) => this.ground.tiles.heightOf(key));
    this.#meeting?.receive(constraintsFor(shown));
  }

  #lost(parting: Parting): void {
    if (parting.closed) return this.#end("room_ended");
    if (!parting.passing) return this.#fail(parting.failure);
    this.#listener?.changed({ type: "reconnecting" });
    this.#meeting?.leave();
    this.#members.lose();
    this.#return(parting.failure, performance.now() + RECONNECT_DEADLINE_MS, FIRST_PAUSE_MS);
  }

  /** Comes back, again and again until it is too late, or what is said to us will not change. */
  #return(why: RoomFailure, until: number, pause: number): void {
    this.#returning = setTimeout(() => {
      const deployment = this.#deployment;
      const left = until - performance.now();
      if (!deployment || !this.#listener) return;
      if (left < pause) return this.#fail(notRestored(why, RECONNECT_DEADLINE_MS / 1000));
      this.#enter(deployment, Math.min(JOIN_DEADLINE_MS, left)).then(
        () => this.#listener?.changed({ type: "reconnected" }),
        (error: unknown) => {
          const failure = error instanceof RoomFailure ? error : why;
          if (failure.fault === "request") this.#fail(failure);
          else this.#return(failure, until, Math.min(pause * 2, LONGEST_PAUSE_MS));
        },
      );
    }, pause);
  }

  #fail(failure: RoomFailure): void {
    const listener = this.#listener;
    this.leave();
    listener?.failed(failure);
  }

  #end(reason: "room_ended" | "kicked"): void {
    const listener = this.#listener;
    this.leave();
    listener?.ended(reason);
  }
}
