import { Presence } from "../adapters/demo/presence";
import { Publisher } from "../adapters/demo/publisher";
import type { CastAction, CastMember } from "../contract/cast";
import type { DemoDown } from "../contract/generated/DemoDown";
import { SeatFailure, type Encoding, type Seat, type SentMedia } from "./seat";

const JOIN_DEADLINE_MS = 15_000;

/** A member's place in a room of the demo server: sends to whoever subscribes, and subscribes to nobody. */
export class DemoSeat implements Seat {
  readonly #publisher: Publisher;
  #presence: Presence | null = null;
  #id = "";

  constructor(
    private readonly url: string,
    private readonly member: CastMember,
    private readonly media: SentMedia,
    encoding: Encoding,
    private readonly lost: (failure: SeatFailure) => void,
  ) {
    this.#publisher = new Publisher(
      (to, signal) => this.#presence?.send({ type: "signal", to, publisher: this.#id, signal }),
      {
        micBps: 24_000,
        cameraBps: encoding.cameraBps,
        screenBps: encoding.screenBps,
        fps: encoding.fps,
        codec: "video/VP8",
        keepSize: true,
      },
    );
    for (const slot of ["mic", "camera", "screen"] as const) this.#publisher.set(slot, media[slot]);
  }

  take(): Promise<void> {
    return new Promise((resolve, reject) => {
      let joined = false;
      const deadline = setTimeout(
        () =>
          reject(
            new SeatFailure(
              "room",
              `The demo room did not answer within ${JOIN_DEADLINE_MS / 1000} s; is \`wallflower\` still running?`,
            ),
          ),
        JOIN_DEADLINE_MS,
      );
      const { mic, camera, screen } = this.media;
      const media = { mic: mic !== null, camera: camera !== null, screen: screen !== null };
      this.#presence = new Presence(this.url, () => ({ role: "synthetic", name: this.member.name, media }), {
        message: (message) => this.#heard(message),
        standing: (standing) => {
          if (standing.at === "in") {
            joined = true;
            clearTimeout(deadline);
            resolve();
          } else if (standing.at === "out") {
            clearTimeout(deadline);
            const failure = new SeatFailure("room", `${this.member.name} is out of the demo room: ${standing.reason}`);
            if (joined) this.lost(failure);
            else reject(failure);
          }
        },
      });
    });
  }

  /** Whoever subscribes is sent to; there is nothing to wait for. */
  send(): Promise<void> {
    return Promise.resolve();
  }

  act(action: CastAction): void {
    this.#presence?.send(
      action.kind === "chat" ? { type: "chat", text: action.text } : { type: "reaction", emoji: action.emoji },
    );
  }

  say(segment: string, text: string, last: boolean): void {
    this.#presence?.send({ type: "caption", segment, text, last });
  }

  leave(): void {
    this.#presence?.leave();
    this.#publisher.close();
  }

  #heard(message: DemoDown): void {
    if (message.type === "welcome") {
      this.#id = message.id;
      this.#publisher.dropAll();
    } else if (message.type === "signal" && message.publisher === this.#id) {
      this.#publisher.handle(message.from, message.signal);
    } else if (message.type === "left") {
      this.#publisher.drop(message.id);
    }
  }
}
