import type { PageMessage } from "../contract/generated/PageMessage";

/**
 * What the page says about itself, and how it may misbehave so that the recorder can be tested against it:
 *
 *     (nothing)           heartbeats, `ready` by the bridge and START_RECORDING on the console
 *     ?behaviour=silent   heartbeats only, never ready
 *     ?behaviour=throws   throws before it is ready
 *     ?behaviour=egress   console signals only, as a template written for LiveKit Egress
 *     ?ends=5             in addition: ended (or END_RECORDING) 5 s after ready
 *
 * It speaks the raw contract rather than through `contract/`: a probe must not share the faults of what it probes.
 */
export type Behaviour = "orderly" | "silent" | "throws" | "egress";

const HEARTBEAT_MS = 1000;

export class Signals {
  readonly #behaviour: Behaviour;
  readonly #endsAfterMs: number | undefined;
  readonly #send: (message: PageMessage) => void;

  constructor(query: URLSearchParams) {
    this.#behaviour = behaviourOf(query.get("behaviour"));
    const ends = Number(query.get("ends") ?? Number.NaN);
    this.#endsAfterMs = ends >= 0 ? ends * 1000 : undefined;
    const binding = (globalThis as { __wallflowerSend?: (text: string) => void }).__wallflowerSend;
    this.#send = (message) => {
      if (this.#behaviour !== "egress") binding?.(JSON.stringify(message));
    };
  }

  /** The page has loaded. */
  loaded(): void {
    let seq = 0;
    const beat = () => this.#send({ type: "heartbeat", seq: ++seq });
    beat();
    setInterval(beat, HEARTBEAT_MS);
    if (this.#behaviour === "throws") throw new Error("The probe page throws, as it was asked to.");
  }

  /** What the page shows is worth recording. */
  ready(): void {
    if (this.#behaviour === "silent") return;
    this.#send({ type: "ready" });
    console.log("START_RECORDING");
    if (this.#endsAfterMs !== undefined) setTimeout(() => this.#ended(), this.#endsAfterMs);
  }

  #ended(): void {
    this.#send({ type: "ended", reason: "room_ended" });
    console.log("END_RECORDING");
  }
}

function behaviourOf(word: string | null): Behaviour {
  if (word === null) return "orderly";
  if (word === "silent" || word === "throws" || word === "egress") return word;
  throw new Error(`No behaviour "${word}": use silent, throws or egress.`);
}
