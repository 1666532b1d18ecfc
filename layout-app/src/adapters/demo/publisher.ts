import type { DemoSignal } from "../../contract/generated/DemoSignal";

/** What a participant can send; each at most once. */
export type Slot = "mic" | "camera" | "screen";

/** How much the encoders may spend on one subscriber; a mesh pays it once for each of them. */
export interface Spending {
  micBps: number;
  cameraBps: number;
  screenBps: number;
  /** Frames a second of camera and screen; absent for what the source gives. */
  fps?: number;
  /** Try this video codec first, such as `video/VP8`. */
  codec?: string;
  /** When the machine or the network is slow: fewer frames rather than a smaller picture. */
  keepSize?: boolean;
}

/** More subscribers than any mesh can carry; the oldest gives way. */
const MOST_LINKS = 64;
/** How long a connection may take from `subscribe` to connected; a subscriber that still wants it asks again. */
const CONNECT_DEADLINE_MS = 20_000;
const MOST_EARLY_CANDIDATES = 64;

/**
 * The sending end of one participant's media in the demo room's mesh: one connection for each subscriber.
 *
 * ```text
 * handle(subscribe) ─▶ offer ── handle(answer) ─▶ connected ── failed, closed or drop() ─▶ gone
 *                        ▲              │
 *                        └─ set(screen) ┘   microphone and camera are in every offer from the start, so that they are
 *                                           switched without a new one; a screen comes and goes with an offer
 * ```
 */
export class Publisher {
  readonly #tracks: Record<Slot, MediaStreamTrack | null> = { mic: null, camera: null, screen: null };
  /** Streams only group the tracks: a subscriber tells the screen by the id of its stream. */
  readonly #voiceAndFace = new MediaStream();
  readonly #screen = new MediaStream();
  readonly #links = new Map<string, Link>();
  #closed = false;

  constructor(
    private readonly send: (to: string, signal: DemoSignal) => void,
    private readonly spending: Spending,
  ) {}

  /** How many subscribers are connected or being connected. */
  get subscribers(): number {
    return this.#links.size;
  }

  /** Sends `track` from now on, or nothing. The track stays the caller's to stop. */
  set(slot: Slot, track: MediaStreamTrack | null): void {
    this.#tracks[slot] = track;
    for (const link of this.#links.values()) link.set(slot, track);
  }

  /** A signal of a subscriber. */
  handle(from: string, signal: DemoSignal): void {
    if (this.#closed) return;
    if (signal.step === "subscribe") this.#subscribed(from);
    else if (signal.step !== "offer") this.#links.get(from)?.handle(signal);
  }

  /** The subscriber has left. */
  drop(subscriber: string): void {
    this.#links.get(subscriber)?.close();
    this.#links.delete(subscriber);
  }

  /** Everybody has another id now: the signalling socket was lost and the room joined anew. */
  dropAll(): void {
    for (const subscriber of [...this.#links.keys()]) this.drop(subscriber);
  }

  close(): void {
    this.#closed = true;
    this.dropAll();
  }

  #subscribed(from: string): void {
    const before = this.#links.get(from);
    this.#links.delete(from);
    const oldest = this.#links.keys().next();
    if (this.#links.size >= MOST_LINKS && !oldest.done) this.drop(oldest.value);
    const link = new Link(
      { voiceAndFace: this.#voiceAndFace, screen: this.#screen },
      this.#tracks,
      this.spending,
      (signal) => this.send(from, signal),
      {
        // The subscriber shows the old connection until the new one is there.
        connected: () => before?.close(),
        gone: () => {
          before?.close();
          if (this.#links.get(from) === link) this.#links.delete(from);
        },
      },
    );
    this.#links.set(from, link);
  }
}

interface Streams {
  voiceAndFace: MediaStream;
  screen: MediaStream;
}

/** The connection to one subscriber. */
class Link {
  readonly #pc = new RTCPeerConnection();
  readonly #senders: { mic: RTCRtpSender; camera: RTCRtpSender };
  #screen: RTCRtpTransceiver | null = null;
  readonly #early: RTCIceCandidateInit[] = [];
  /** Steps are done one after another. */
  #queue: Promise<void> = Promise.resolve();
  #offerAgain = false;
  #deadline: ReturnType<typeof setTimeout>;
  #closed = false;

  constructor(
    private readonly streams: Streams,
    tracks: Record<Slot, MediaStreamTrack | null>,
    private readonly spending: Spending,
    private readonly send: (signal: DemoSignal) => void,
    private readonly listener: { connected(): void; gone(): void },
  ) {
    this.#senders = { mic: this.#add("mic", tracks.mic).sender, camera: this.#add("camera", tracks.camera).sender };
    if (tracks.screen) this.#screen = this.#add("screen", tracks.screen);
    this.#pc.onicecandidate = ({ candidate }) => {
      if (!candidate || candidate.candidate === "") return;
      this.send({
        step: "candidate",
        candidate: candidate.candidate,
        sdp_mid: candidate.sdpMid,
        sdp_m_line_index: candidate.sdpMLineIndex,
      });
    };
    this.#pc.onconnectionstatechange = () => {
      const state = this.#pc.connectionState;
      if (state === "connected") {
        clearTimeout(this.#deadline);
        this.listener.connected();
      } else if (state === "failed" || state === "closed") this.#lost();
    };
    this.#deadline = setTimeout(() => this.#lost(), CONNECT_DEADLINE_MS);
    this.#offer();
  }

  set(slot: Slot, track: MediaStreamTrack | null): void {
    if (slot !== "screen") {
      this.#enqueue(() => this.#senders[slot].replaceTrack(track));
      return;
    }
    this.#enqueue(async () => {
      if (!this.#screen) {
        if (track) this.#screen = this.#add("screen", track);
      } else {
        this.#screen.direction = track ? "sendonly" : "inactive";
        await this.#screen.sender.replaceTrack(track);
      }
    });
    this.#offer();
  }

  handle(signal: Extract<DemoSignal, { step: "answer" | "candidate" }>): void {
    if (signal.step === "candidate") {
      const candidate = {
        candidate: signal.candidate,
        sdpMid: signal.sdp_mid,
        sdpMLineIndex: signal.sdp_m_line_index,
      };
      this.#enqueue(async () => {
        if (this.#pc.remoteDescription) await this.#pc.addIceCandidate(candidate);
        else if (this.#early.length < MOST_EARLY_CANDIDATES) this.#early.push(candidate);
      });
      return;
    }
    this.#enqueue(async () => {
      if (this.#pc.signalingState !== "have-local-offer") return;
      await this.#pc.setRemoteDescription({ type: "answer", sdp: signal.sdp });
      for (const candidate of this.#early.splice(0)) await this.#pc.addIceCandidate(candidate);
      if (this.#offerAgain) this.#offer();
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#deadline);
    this.#pc.close();
  }

  #lost(): void {
    if (this.#closed) return;
    this.close();
    this.listener.gone();
  }

  /** One offer at a time: what changes before its answer goes into the next. */
  #offer(): void {
    this.#enqueue(async () => {
      this.#offerAgain = this.#pc.signalingState !== "stable";
      if (this.#offerAgain) return;
      await this.#pc.setLocalDescription();
      const sharing = this.#screen?.direction === "sendonly";
      this.send({
        step: "offer",
        sdp: this.#pc.localDescription?.sdp ?? "",
        screen: sharing ? this.streams.screen.id : null,
      });
    });
  }

  #enqueue(step: () => Promise<void>): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#closed) return;
      try {
        await step();
      } catch (error) {
        // A candidate or an answer of a connection that has been replaced; without an answer the deadline ends this one.
        if (!this.#closed) console.warn("demo room: a step towards a subscriber failed", error);
      }
    });
  }

  #add(slot: Slot, track: MediaStreamTrack | null): RTCRtpTransceiver {
    const { spending } = this;
    const maxBitrate = { mic: spending.micBps, camera: spending.cameraBps, screen: spending.screenBps }[slot];
    const encoding: RTCRtpEncodingParameters = { maxBitrate };
    if (slot !== "mic" && spending.fps !== undefined) encoding.maxFramerate = spending.fps;
    const kind = slot === "mic" ? "audio" : "video";
    const transceiver = this.#pc.addTransceiver(track ?? kind, {
      direction: "sendonly",
      streams: [slot === "screen" ? this.streams.screen : this.streams.voiceAndFace],
      sendEncodings: [encoding],
    });
    if (kind === "video" && spending.codec !== undefined) prefer(transceiver, spending.codec);
    if (kind === "video" && spending.keepSize) keepSize(transceiver.sender);
    return transceiver;
  }
}

function prefer(transceiver: RTCRtpTransceiver, mimeType: string): void {
  // Firefox before 128 can't be asked; it offers VP8 first anyway.
  if (typeof transceiver.setCodecPreferences !== "function") return;
  const known = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const first = known.filter((codec) => codec.mimeType === mimeType);
  if (first.length === 0) return;
  transceiver.setCodecPreferences([...first, ...known.filter((codec) => codec.mimeType !== mimeType)]);
}

function keepSize(sender: RTCRtpSender): void {
  const parameters = sender.getParameters();
  parameters.degradationPreference = "maintain-resolution";
  // A browser that can't be told so makes the picture smaller, as it would have anyway.
  sender.setParameters(parameters).catch(() => undefined);
}
