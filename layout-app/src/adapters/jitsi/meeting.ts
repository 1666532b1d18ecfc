import type { RoomChange } from "../../model";
import { RoomFailure } from "../room";
import type { ReceiverConstraints } from "./constraints";
import type { Deployment } from "./deployment";
import type { Parting, Step } from "./failure";
import { conferenceParting, connectionParting, joinTooLate, nameOf } from "./failure";
import type { JitsiConference, JitsiConnection, JitsiParticipant, JitsiTrack } from "./lib";
import type { Members } from "./members";
import { isRobot, reactionsOf, ROBOT, transcriptOf, USER_INFO } from "./messages";
import type { Credentials, JitsiPlace } from "./options";
import { backendName, conferenceOptions, connectionOptions, credentialsOf } from "./options";

/** What others see of a recorder that is not hidden. */
const NAME = "Recorder";
/** By which the conference's focus knows recorders; it believes that of hidden members only. */
const RECORDER_FEATURE = "http://jitsi.org/protocol/jibri";
/** Nobody types that much. */
const LONGEST_MESSAGE = 64 * 1024;

export interface MeetingListener {
  changed(change: RoomChange): void;
  /** The meeting is over for us; nothing follows. */
  lost(parting: Parting): void;
  /** We were sent away; nothing follows. */
  kicked(): void;
}

/**
 * One life of a connection and the conference that is joined by it.
 *
 * ```text
 * connecting ── established ──▶ asking ── focus ready ──▶ entering ── joined ──▶ in
 *     │ failed, or the deadline     │                         │                   │ failed, kicked
 *     ▼                             ▼                         ▼                   ▼
 *   enter() rejects                                                        lost(), kicked()
 * ```
 */
export class Meeting {
  #connection: JitsiConnection | null = null;
  #conference: JitsiConference | null = null;
  #step: Step = "connecting";
  #joined = false;
  #over = false;
  #settle: { resolve(): void; reject(failure: RoomFailure): void } | null = null;

  constructor(
    private readonly deployment: Deployment,
    private readonly place: JitsiPlace,
    private readonly members: Members,
    private readonly listener: MeetingListener,
    /** By which members' clients know the recording. */
    private readonly session: string,
  ) {}

  /** Resolves when we are in and everybody is told; rejects with a [`RoomFailure`] within `deadlineMs`. */
  async enter(deadlineMs: number): Promise<void> {
    let tooLate: ReturnType<typeof setTimeout> | undefined;
    const entered = new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
      tooLate = setTimeout(
        () => reject(joinTooLate(this.place.url, this.#step, Math.round(deadlineMs / 1000))),
        deadlineMs,
      );
    });
    try {
      const credentials = credentialsOf(this.place.access.login, this.deployment.config);
      this.#connect(credentials);
      await entered;
    } catch (error) {
      this.leave();
      throw error;
    } finally {
      clearTimeout(tooLate);
      this.#settle = null;
    }
  }

  /** Asks the bridge for these pictures. */
  receive(constraints: ReceiverConstraints): void {
    if (this.#joined) this.#conference?.setReceiverConstraints(constraints);
  }

  /** Lets go of everything; nothing is told any more. */
  leave(): void {
    this.#over = true;
    const [conference, connection] = [this.#conference, this.#connection];
    this.#conference = null;
    this.#connection = null;
    void Promise.resolve(conference?.leave())
      .catch(() => undefined)
      .then(() => connection?.disconnect())
      .catch(() => undefined);
  }

  #connect(credentials: Credentials): void {
    const { lib, config } = this.deployment;
    const { url, room } = this.place;
    const options = connectionOptions(url, config, backendName(room), credentials);
    const connection = new lib.JitsiConnection(null, credentials.token, options);
    this.#connection = connection;
    const on = (name: string, hear: (...told: never[]) => void) => {
      const event = lib.events.connection[name];
      if (event !== undefined) connection.addEventListener(event, (...told) => void (this.#over || hear(...told)));
    };
    const lost = (error: string, detail = "") => this.#lost(connectionParting(error, detail, this.place));
    on("CONNECTION_ESTABLISHED", () => {
      if (this.#step === "connecting") this.#join(connection, credentials);
    });
    on("CONNECTION_FAILED", (error: string, detail?: string) => lost(nameOf(lib.errors.connection, error), detail));
    on("CONNECTION_DISCONNECTED", () => lost("CONNECTION_DROPPED_ERROR"));
    on("CONNECTION_TOKEN_EXPIRED", () => lost("CONNECTION_TOKEN_EXPIRED"));
    if (this.#isHidden) connection.addFeature(RECORDER_FEATURE);
    connection.connect(credentials.id ? { id: credentials.id, password: credentials.password ?? "" } : {});
  }

  #join(connection: JitsiConnection, credentials: Credentials): void {
    this.#step = "asking";
    const { room, access } = this.place;
    const conference = connection.initJitsiConference(
      backendName(room),
      conferenceOptions(this.deployment.config, credentials),
    );
    this.#conference = conference;
    this.#listen(conference);
    conference.addCommandListener(USER_INFO, (node, id) => {
      if (!this.#over && isRobot(node)) this.members.isRobot(id);
    });
    conference.setDisplayName(NAME);
    conference.sendCommand(USER_INFO, ROBOT);
    conference.join(access.passcode ?? undefined);
  }

  #listen(conference: JitsiConference): void {
    const { lib } = this.deployment;
    const { members, listener } = this;
    const on = (name: string, hear: (...told: never[]) => void) => {
      const event = lib.events.conference[name];
      if (event !== undefined) conference.on(event, (...told) => void (this.#over || hear(...told)));
    };
    const tell = (participant: JitsiParticipant | undefined) => {
      // Before we are in, all are told at once afterwards.
      if (participant && this.#joined) members.tell(participant);
    };
    const tellOf = (id: string) => tell(conference.getParticipantById(id));

    on("CONFERENCE_JOIN_IN_PROGRESS", () => {
      this.#step = "entering";
    });
    on("CONFERENCE_JOINED", () => {
      this.#joined = true;
      if (this.#isHidden) this.#announce(conference);
      members.meet(conference);
      this.#settle?.resolve();
    });
    on("CONFERENCE_FAILED", (error: string) => {
      this.#lost(conferenceParting(nameOf(lib.errors.conference, error), this.place));
    });
    on("KICKED", () => {
      this.#over = true;
      if (!this.#joined) {
        const message = "The recorder was sent away from the Jitsi room while it was joining.";
        this.#settle?.reject(new RoomFailure("room", message));
      } else listener.kicked();
    });

    // What they say of themselves, that they are a recorder perhaps, comes with the same presence, a moment later.
    on("USER_JOINED", (id: string) => queueMicrotask(() => this.#over || tellOf(id)));
    on("USER_LEFT", (id: string) => members.left(id));
    on("DISPLAY_NAME_CHANGED", tellOf);
    on("USER_ROLE_CHANGED", tellOf);
    on("PARTICIPANT_PROPERTY_CHANGED", tell);
    on("PARTICIPANT_SOURCE_UPDATED", tell);
    on("TRACK_MUTE_CHANGED", (track: JitsiTrack) => tellOf(track.getParticipantId()));
    on("TRACK_REMOVED", (track: JitsiTrack) => members.removed(track));
    on("TRACK_ADDED", (track: JitsiTrack) => {
      const again = () => this.#over || tellOf(track.getParticipantId());
      for (const name of ["TRACK_STREAMING_STATUS_CHANGED", "TRACK_VIDEOTYPE_CHANGED"]) {
        const event = lib.events.track[name];
        if (event !== undefined && track.getType() === "video") track.on?.(event, again);
      }
      tellOf(track.getParticipantId());
    });
    on("TRACK_AUDIO_LEVEL_CHANGED", (id: string, level: number) => members.hears(id, level));
    on("DOMINANT_SPEAKER_CHANGED", (id: string, _previous: unknown, silence?: boolean) =>
      members.dominates(silence === true ? null : id),
    );

    on("CONNECTION_INTERRUPTED", () => listener.changed({ type: "reconnecting" }));
    on("CONNECTION_RESTORED", () => {
      // Those who are here must be told before it is settled who is gone.
      members.meet(conference);
      listener.changed({ type: "reconnected" });
    });

    on("SUBJECT_CHANGED", (title: string) => listener.changed({ type: "titled", title }));
    on("MESSAGE_RECEIVED", (id: string, text: string, at?: unknown, name?: string) => {
      // With a time it was said before we came. What is said to one alone is another event, and nobody else's business.
      if (at === undefined || at === null) this.#chat(id, text, name);
    });
    on("REACTION_RECEIVED", (id: string, emoji: readonly string[]) => this.#react(id, emoji));
    on("ENDPOINT_MESSAGE_RECEIVED", (participant: JitsiParticipant, message: unknown) => {
      this.#react(participant.getId(), reactionsOf(message));
      // Anybody can send such a message; the deployment's own transcriber is hidden.
      if (participant.isHidden()) this.#caption(message);
    });
    on("NON_PARTICIPANT_MESSAGE_RECEIVED", (_from: string, message: unknown) => this.#caption(message));
  }

  get #isHidden(): boolean {
    return this.place.access.login.kind === "account";
  }

  /** Recent clients show then that the room is recorded; they believe it of hidden members only. */
  #announce(conference: JitsiConference): void {
    conference.sendCommand("mode", { value: "file" });
    conference.sendCommand("session_id", { value: this.session });
  }

  #chat(from: string, text: string, name: string | undefined): void {
    const sender = this.members.sender(from);
    if (!sender || text.length > LONGEST_MESSAGE) return;
    this.listener.changed({ type: "chat", identity: sender.identity, name: sender.name || (name ?? ""), text });
  }

  #react(from: string, emojis: readonly string[]): void {
    const sender = this.members.sender(from);
    if (!sender) return;
    for (const emoji of emojis) this.listener.changed({ type: "reaction", ...sender, emoji });
  }

  #caption(message: unknown): void {
    const said = transcriptOf(message);
    if (!said || said.text.length > LONGEST_MESSAGE) return;
    const speaker = this.members.sender(said.identity ?? "");
    if (speaker) this.listener.changed({ type: "caption", ...said, ...speaker, name: speaker.name || said.name });
  }

  #lost(parting: Parting): void {
    this.#over = true;
    if (this.#joined) this.listener.lost(parting);
    else this.#settle?.reject(parting.failure);
  }
}
