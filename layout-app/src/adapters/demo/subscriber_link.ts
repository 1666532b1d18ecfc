import type { DemoSignal } from "../../contract/generated/DemoSignal";

/** What arrives from one publisher. A track is here from the moment it is negotiated, frames or not. */
export interface LinkMedia {
  audio: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  screen: MediaStreamTrack | null;
}

/** How long a connection may take from `subscribe` to connected before it is tried anew. */
const CONNECT_DEADLINE_MS = 8000;
/** How long a connection may stay `disconnected` (a network that blinks) before it is tried anew. */
const BLINK_MS = 3000;
/** Longest pause between two tries. */
const LONGEST_PAUSE_MS = 8000;
const MOST_EARLY_CANDIDATES = 64;

const NOTHING: LinkMedia = { audio: null, camera: null, screen: null };

/** One peer connection and what is known of its streams. */
interface Attempt {
  pc: RTCPeerConnection;
  /** Signals are handled one after another: a candidate must not overtake the offer it belongs to. */
  queue: Promise<void>;
  /** Candidates that came before the first offer. */
  early: RTCIceCandidateInit[];
  streamOf: Map<string, string>;
  screen: string | null;
}

/**
 * The receiving end of one publisher's media in the demo room's mesh.
 *
 * ```text
 * subscribe() ── signal subscribe ──▶ publisher
 * handle(offer) ── signal answer ──▶ publisher          (again whenever the publisher's tracks change)
 * connected ─▶ media told;  failed, or too slow ─▶ subscribe() with growing pauses
 * ```
 *
 * `subscribe()` may be called again (the signalling socket came back, the connection broke): the media of the old connection
 * goes on until the new one is connected.
 */
export class SubscriberLink {
  #current: Attempt | null = null;
  #next: Attempt | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #closed = false;
  #level = 0;
  #media: LinkMedia = NOTHING;

  constructor(
    private readonly send: (signal: DemoSignal) => void,
    private readonly changed: (media: LinkMedia) => void,
  ) {}

  get media(): LinkMedia {
    return this.#media;
  }

  /** Asks the publisher for its media. */
  subscribe(): void {
    if (this.#closed) return;
    this.#next?.pc.close();
    const attempt: Attempt = {
      // No STUN or TURN: the demo room is for one machine or one network, where host candidates do.
      pc: new RTCPeerConnection(),
      queue: Promise.resolve(),
      early: [],
      streamOf: new Map(),
      screen: null,
    };
    this.#next = attempt;
    attempt.pc.ontrack = ({ track, streams }) => {
      const stream = streams[0];
      if (stream) attempt.streamOf.set(track.id, stream.id);
    };
    attempt.pc.onicecandidate = ({ candidate }) => {
      if (candidate && candidate.candidate !== "" && this.#isLive(attempt)) {
        this.send({
          step: "candidate",
          candidate: candidate.candidate,
          sdp_mid: candidate.sdpMid,
          sdp_m_line_index: candidate.sdpMLineIndex,
        });
      }
    };
    attempt.pc.onconnectionstatechange = () => this.#stateChanged(attempt);
    this.#retryIn(CONNECT_DEADLINE_MS * 2 ** Math.min(this.#failures, 2));
    this.send({ step: "subscribe" });
  }

  /** A signal from the publisher. */
  handle(signal: DemoSignal): void {
    const attempt = this.#next ?? this.#current;
    if (!attempt || this.#closed) return;
    attempt.queue = attempt.queue.then(async () => {
      try {
        if (signal.step === "offer") await this.#answer(attempt, signal.sdp, signal.screen);
        else if (signal.step === "candidate") await this.#addCandidate(attempt, signal);
      } catch (error) {
        // A candidate of a connection that has been replaced, or an offer that can't be answered: the deadline tries anew.
        if (this.#isLive(attempt)) console.warn("demo room: a signal was not accepted", signal.step, error);
      }
    });
  }

  /**
   * 0 to 1: how loud the publisher was when this was last asked. The figure comes from statistics, which are gathered on other
   * threads: `getSynchronizationSources` answers at once but has the page's thread wait for the one that decodes, 12 % of the
   * time with four publishers.
   */
  audioLevel(): number {
    // A connection that was closed meanwhile has no statistics, and no voice either.
    this.#measureLevel().catch(() => undefined);
    return this.#level;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#next?.pc.close();
    this.#current?.pc.close();
    this.#next = null;
    this.#current = null;
    this.#media = NOTHING;
  }

  async #answer(attempt: Attempt, sdp: string, screen: string | null): Promise<void> {
    const { pc } = attempt;
    attempt.screen = screen;
    await pc.setRemoteDescription({ type: "offer", sdp });
    for (const candidate of attempt.early.splice(0)) await pc.addIceCandidate(candidate);
    await pc.setLocalDescription();
    if (!this.#isLive(attempt)) return;
    this.send({ step: "answer", sdp: pc.localDescription?.sdp ?? "" });
    // Nothing published yet: there is no transport that could connect, and the next offer comes on this connection.
    if (pc.getTransceivers().length === 0) this.#settle(attempt);
    if (attempt === this.#current) this.#tell(attempt);
  }

  async #addCandidate(attempt: Attempt, signal: Extract<DemoSignal, { step: "candidate" }>): Promise<void> {
    const candidate: RTCIceCandidateInit = {
      candidate: signal.candidate,
      sdpMid: signal.sdp_mid,
      sdpMLineIndex: signal.sdp_m_line_index,
    };
    if (attempt.pc.remoteDescription) await attempt.pc.addIceCandidate(candidate);
    else if (attempt.early.length < MOST_EARLY_CANDIDATES) attempt.early.push(candidate);
  }

  #stateChanged(attempt: Attempt): void {
    if (!this.#isLive(attempt)) return;
    const state = attempt.pc.connectionState;
    if (state === "connected") {
      this.#settle(attempt);
      this.#tell(attempt);
    } else if (state === "failed") {
      this.#retryIn(Math.min(250 * 2 ** this.#failures, LONGEST_PAUSE_MS));
    } else if (state === "disconnected") {
      this.#retryIn(BLINK_MS);
    }
  }

  async #measureLevel(): Promise<void> {
    const track = this.#media.audio;
    const receiver = this.#current?.pc.getReceivers().find((each) => each.track === track);
    const report = await receiver?.getStats();
    this.#level = 0;
    report?.forEach((each: RTCInboundRtpStreamStats) => {
      if (each.type === "inbound-rtp") this.#level = each.audioLevel ?? 0;
    });
  }

  #settle(attempt: Attempt): void {
    clearTimeout(this.#timer);
    this.#failures = 0;
    if (attempt !== this.#next) return;
    this.#current?.pc.close();
    this.#current = attempt;
    this.#next = null;
  }

  #retryIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#failures += 1;
      this.subscribe();
    }, ms);
  }

  #tell(attempt: Attempt): void {
    const media: LinkMedia = { ...NOTHING };
    for (const { receiver, currentDirection } of attempt.pc.getTransceivers()) {
      if (currentDirection !== "recvonly" && currentDirection !== "sendrecv") continue;
      const { track } = receiver;
      if (track.kind === "audio") media.audio ??= track;
      else if (attempt.screen !== null && attempt.streamOf.get(track.id) === attempt.screen) media.screen = track;
      else media.camera ??= track;
    }
    this.#media = media;
    this.changed(media);
  }

  #isLive(attempt: Attempt): boolean {
    return !this.#closed && (attempt === this.#current || attempt === this.#next);
  }
}
