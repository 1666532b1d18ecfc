import type { DemoDown } from "../../contract/generated/DemoDown";
import type { DemoUp } from "../../contract/generated/DemoUp";
import { DemoSocket, type DemoJoin } from "./socket";

/** How it stands with somebody who takes part in a demo room. */
export type Standing =
  | { at: "joining" }
  | { at: "in" }
  /** The socket was lost; the next try comes by itself. */
  | { at: "rejoining"; everReached: boolean }
  | { at: "out"; why: "refused" | "closed"; reason: string };

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** From opening a socket to the welcome. */
const WELCOME_DEADLINE_MS = 10_000;

/**
 * Somebody's lasting presence in a demo room: a socket, and another with growing pauses when it is lost.
 *
 * ```text
 * joining ── welcome ──▶ in ── lost ──▶ rejoining ── welcome ──▶ in
 *    └────── refused or closed by the room, from anywhere ──────▶ out
 * ```
 */
export class Presence {
  #socket: DemoSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #losses = 0;
  #everReached = false;
  #over = false;

  constructor(
    private readonly url: string,
    private readonly join: () => DemoJoin,
    private readonly listener: { message(message: DemoDown): void; standing(standing: Standing): void },
  ) {
    listener.standing({ at: "joining" });
    this.#open();
  }

  send(message: DemoUp): void {
    this.#socket?.send(message);
  }

  /** Doesn't wait for the next try: the network has come back. */
  hurry(): void {
    if (this.#socket || this.#over) return;
    clearTimeout(this.#timer);
    this.#open();
  }

  leave(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
  }

  #open(): void {
    const socket = new DemoSocket(this.url, this.join, {
      message: (message) => this.#heard(message),
      closed: ({ opened }) => this.#lost(opened),
    });
    this.#socket = socket;
    this.#timer = setTimeout(() => {
      socket.close();
      this.#lost(false);
    }, WELCOME_DEADLINE_MS);
  }

  #heard(message: DemoDown): void {
    if (message.type === "refused") this.#out("refused", message.reason);
    else if (message.type === "closed") this.#out("closed", "The room was closed.");
    else {
      if (message.type === "welcome") {
        clearTimeout(this.#timer);
        this.#losses = 0;
        this.#everReached = true;
        this.listener.standing({ at: "in" });
      }
      this.listener.message(message);
    }
  }

  #lost(opened: boolean): void {
    if (this.#over) return;
    clearTimeout(this.#timer);
    this.#socket = null;
    this.#everReached ||= opened;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#losses, LONGEST_PAUSE_MS);
    this.#losses += 1;
    // Spread out: everybody loses a server that restarts at the same moment.
    this.#timer = setTimeout(() => this.#open(), pause * (0.75 + Math.random() / 2));
    this.listener.standing({ at: "rejoining", everReached: this.#everReached });
  }

  #out(why: "refused" | "closed", reason: string): void {
    this.leave();
    this.listener.standing({ at: "out", why, reason });
  }
}
