import { LogLevel, Room, RoomEvent, setLogLevel, Track, type TrackPublishOptions } from "livekit-client";
import {
  CHAT_TOPIC,
  REACTION_TOPICS,
  TRANSCRIPTION_FINAL as FINAL,
  TRANSCRIPTION_SEGMENT as SEGMENT,
  TRANSCRIPTION_TOPIC,
} from "../adapters/livekit/messages";
import type { SharedKey } from "../adapters/livekit/encryption";
import type { CastAction, CastMember } from "../contract/cast";
import { SeatFailure, type Encoding, type Seat, type SentMedia } from "./seat";

const STEP_DEADLINE_MS = 15_000;
const [REACTION_TOPIC = ""] = REACTION_TOPICS;

// The client tells every step of every connection.
setLogLevel(LogLevel.warn);

/** A member's place in a LiveKit room: publishes, and subscribes to nobody. */
export class LivekitSeat implements Seat {
  readonly #room: Room;
  #left = false;

  constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly member: CastMember,
    private readonly media: SentMedia,
    private readonly encoding: Encoding,
    private readonly lost: (failure: SeatFailure) => void,
    /** What is sent is encrypted by it. */
    private readonly key: SharedKey | null,
  ) {
    this.#room = new Room({
      adaptiveStream: false,
      dynacast: false,
      stopLocalTrackOnUnpublish: false,
      ...(key && { encryption: key.options }),
    });
  }

  async take(): Promise<void> {
    await this.#withinDeadline(this.#connect());
    this.#room.on(RoomEvent.Disconnected, (reason) => {
      if (this.#left) return;
      this.lost(new SeatFailure("room", `${this.member.name} is out of the LiveKit room (reason ${String(reason)}).`));
    });
  }

  async #connect(): Promise<void> {
    if (this.key) await this.#room.setE2EEEnabled(true);
    await this.#room.connect(this.url, this.token, { autoSubscribe: false });
  }

  async send(): Promise<void> {
    await this.#withinDeadline(this.#publishAll());
  }

  act(action: CastAction): void {
    const [text, topic] = action.kind === "chat" ? [action.text, CHAT_TOPIC] : [action.emoji, REACTION_TOPIC];
    this.#sendText(text, topic);
  }

  say(segment: string, text: string, last: boolean): void {
    this.#sendText(text, TRANSCRIPTION_TOPIC, { [SEGMENT]: segment, [FINAL]: String(last) });
  }

  #sendText(text: string, topic: string, attributes: Record<string, string> = {}): void {
    const sent = this.#room.localParticipant.sendText(text, { topic, attributes });
    // What can't be sent while the room reconnects is not said later: the talk has moved on.
    sent.catch((error: unknown) => console.warn("livekit: a line or reaction was not sent", error));
  }

  leave(): void {
    this.#left = true;
    void this.#room.disconnect(false).finally(() => this.key?.end());
  }

  async #withinDeadline(step: Promise<void>): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `The LiveKit server at ${this.url} did not answer within ${STEP_DEADLINE_MS / 1000} s; is it running?`;
      timer = setTimeout(() => reject(new SeatFailure("room", message)), STEP_DEADLINE_MS);
    });
    try {
      await Promise.race([step, late]);
    } catch (error) {
      this.leave();
      if (error instanceof SeatFailure) throw error;
      const detail = error instanceof Error ? error.message : String(error);
      throw new SeatFailure("room", `${this.member.name} could not join the LiveKit room: ${detail}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async #publishAll(): Promise<void> {
    const { mic, stereo, camera, screen } = this.media;
    const { fps, cameraBps, screenBps } = this.encoding;
    const video = (source: Track.Source, maxBitrate: number): TrackPublishOptions => ({
      source,
      simulcast: false,
      videoCodec: "vp8",
      backupCodec: false,
      degradationPreference: "maintain-resolution",
      videoEncoding: { maxBitrate, maxFramerate: fps },
      screenShareEncoding: { maxBitrate, maxFramerate: fps },
    });
    const voice: TrackPublishOptions = {
      source: Track.Source.Microphone,
      audioPreset: { maxBitrate: stereo ? 48_000 : 24_000 },
      red: false,
      forceStereo: stereo,
    };
    if (mic) await this.#publish(mic, voice);
    if (camera) await this.#publish(camera, video(Track.Source.Camera, cameraBps));
    if (screen) await this.#publish(screen, video(Track.Source.ScreenShare, screenBps));
  }

  async #publish(track: MediaStreamTrack, options: TrackPublishOptions): Promise<void> {
    await this.#room.localParticipant.publishTrack(track, options);
  }
}
