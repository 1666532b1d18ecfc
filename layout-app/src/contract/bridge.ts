import type { Fault } from "./generated/Fault";
import type { Look } from "./generated/Look";
import type { PageEnd } from "./generated/PageEnd";
import type { PageMessage } from "./generated/PageMessage";
import type { RoomEvent } from "./generated/RoomEvent";

/** `wire::page::HEARTBEAT_INTERVAL_MS`. */
const HEARTBEAT_INTERVAL_MS = 1000;

const NOTHING_TO_RECORD: Readonly<Record<PageEnd, string>> = {
  room_ended: "The room was closed before there was anything to record.",
  kicked: "The recorder was removed from the room before there was anything to record.",
};

/** What the bridge needs of a window. */
export interface BridgeScope {
  __wallflowerSend?: (text: string) => void;
  __wallflowerLook?: (look: Look) => void;
  setInterval(run: () => void, ms: number): number;
  addEventListener(type: "error", listen: (event: ErrorEvent) => void): void;
  addEventListener(type: "unhandledrejection", listen: (event: PromiseRejectionEvent) => void): void;
}

/**
 * The page's side of the contract with the agent (`orchestrator/domain/src/wire/page.rs`).
 *
 * ```text
 * loading ── ready() ──▶ ready ── ended() ──▶ over
 *    │                     │
 *    └───── failed() ──────┴────────────────▶ over
 * ```
 *
 * `ready` is said once; nothing but heartbeats is said once it is over, so late events do no harm. Without an agent (a person
 * has opened the page) messages go nowhere.
 */
export class Bridge {
  #phase: "loading" | "ready" | "over" = "loading";
  #beats = 0;
  readonly #scope: BridgeScope;
  /** The signals of the LiveKit Egress template contract, logged when the page was opened by its rules. */
  signalsByConsole = false;
  /** Told of a failure to start, so that whoever looks at the page sees it. Later it would only be in the recording. */
  onFailed: (message: string) => void = () => undefined;

  /** `whose` page it is decides who has to mend a script that fails. */
  constructor(
    scope: BridgeScope,
    private readonly whose: "ours" | "template" = "ours",
  ) {
    this.#scope = scope;
    scope.setInterval(() => {
      this.#beats += 1;
      this.#send({ type: "heartbeat", seq: this.#beats });
    }, HEARTBEAT_INTERVAL_MS);
    scope.addEventListener("error", (event) => this.#broken(event.message, event.error));
    scope.addEventListener("unhandledrejection", (event) => this.#broken("unhandled rejection", event.reason));
  }

  /** Has `show` called whenever the room is to be shown in another way. */
  onLook(show: (look: Look) => void): void {
    this.#scope.__wallflowerLook = show;
  }

  ready(): void {
    if (this.#phase !== "loading") return;
    this.#phase = "ready";
    this.#send({ type: "ready" });
    if (this.signalsByConsole) console.log("START_RECORDING");
  }

  failed(fault: Fault, message: string): void {
    if (this.#phase === "over") return;
    const recording = this.#phase === "ready";
    this.#phase = "over";
    this.#send({ type: "failed", fault, message });
    if (!recording) this.onFailed(message);
    else if (this.signalsByConsole) console.log("END_RECORDING");
  }

  ended(reason: PageEnd): void {
    if (this.#phase === "over") return;
    if (this.#phase === "loading") {
      this.failed("room", NOTHING_TO_RECORD[reason]);
      return;
    }
    this.#phase = "over";
    this.#send({ type: "ended", reason });
    if (this.signalsByConsole) console.log("END_RECORDING");
  }

  event(event: RoomEvent): void {
    if (this.#phase !== "over") this.#send({ type: "event", event });
  }

  /** A script error before the start signal means the start signal may never come; after it the picture may well go on. */
  #broken(message: string, cause: unknown): void {
    // The browser's way of saying that an observer needs another turn; nothing is broken.
    if (message.startsWith("ResizeObserver loop")) return;
    // All that browsers tell of a script of another origin. Ours is none: it is the library of the room's own deployment, whose errors
    // the adapter learns of by what comes of them.
    if (this.whose === "ours" && message === "Script error.") return;
    const detail =
      cause instanceof Error ? cause.message : cause === undefined || cause === null ? message : String(cause);
    if (this.#phase === "loading") {
      const text =
        this.whose === "ours"
          ? `The page's script failed before it could show the room (${detail}); this is a fault of Wallflower's.`
          : `The template's script failed before it could show the room (${detail}); mend the template.`;
      this.failed("platform", text);
    }
  }

  #send(message: PageMessage): void {
    // Half a surrogate pair, which a chat line may well end in, is no JSON to a strict reader.
    const wellFormed = (_: string, value: unknown) => (typeof value === "string" ? value.toWellFormed() : value);
    this.#scope.__wallflowerSend?.(JSON.stringify(message, wellFormed));
  }
}
