/** A library that does what a test says: for tests alone. */
import type { JitsiConference, JitsiConnection, JitsiLib, JitsiParticipant, JitsiTrack } from "./lib";

/** Says by names what happens, as the lib does by its own values. */
class Emitter {
  readonly #listeners = new Map<string, ((...told: never[]) => void)[]>();
  readonly on = (event: string, listener: (...told: never[]) => void): void => {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  };
  emit(event: string, ...told: unknown[]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(...(told as never[]));
  }
}

export class FakeTrack extends Emitter implements JitsiTrack {
  muted = false;
  status: string | null = null;
  constructor(
    readonly owner: string,
    readonly kind: "audio" | "video",
    readonly videoType = "camera",
    readonly source = `${owner}-${kind}`,
  ) {
    super();
  }
  getType = () => this.kind;
  getVideoType = () => (this.kind === "video" ? this.videoType : undefined);
  getParticipantId = () => this.owner;
  getSourceName = () => this.source;
  getTrackStreamingStatus = () => this.status;
  isMuted = () => this.muted;
  attach = () => undefined;
  detach = () => undefined;
}

export class FakeParticipant implements JitsiParticipant {
  tracks: FakeTrack[] = [];
  properties: Record<string, unknown> = {};
  hidden = false;
  fromRecorder = false;
  sources = new Map<string, Map<string, { muted: boolean; videoType?: string }>>();
  constructor(
    readonly id: string,
    public name = id,
  ) {}
  getId = () => this.id;
  getDisplayName = () => this.name;
  getProperty = (name: string) => this.properties[name];
  getTracks = () => this.tracks;
  getSources = () => this.sources;
  isAudioMuted = () => this.tracks.every((track) => track.kind !== "audio" || track.muted);
  isHidden = () => this.hidden;
  isHiddenFromRecorder = () => this.fromRecorder;
  isModerator = () => this.id === "ada";
}

export class FakeConference extends Emitter implements JitsiConference {
  people: FakeParticipant[] = [];
  sent: unknown[] = [];
  constraints: unknown[] = [];
  passcode: string | undefined;
  left = false;
  commands: Record<string, (node: object, id: string) => void> = {};
  join = (passcode?: string) => void (this.passcode = passcode);
  leave = async () => void (this.left = true);
  myUserId = () => "me";
  getParticipants = () => this.people;
  getParticipantById = (id: string) => this.people.find((each) => each.id === id);
  setDisplayName = (name: string) => void this.sent.push(name);
  sendCommand = (name: string, values: object) => void this.sent.push([name, values]);
  addCommandListener = (name: string, hear: (node: object, id: string) => void) => void (this.commands[name] = hear);
  setReceiverConstraints = (wanted: object) => void this.constraints.push(wanted);
}

export class FakeConnection extends Emitter implements JitsiConnection {
  static all: FakeConnection[] = [];
  readonly conference = new FakeConference();
  connected: { id?: string; password?: string } | undefined;
  features: string[] = [];
  constructor(
    _app: null,
    readonly token: string | null,
    readonly options: object,
  ) {
    super();
    FakeConnection.all.push(this);
  }
  addEventListener = this.on;
  addFeature = (feature: string) => void this.features.push(feature);
  connect = (options: object) => void (this.connected = options);
  disconnect = () => undefined;
  initJitsiConference = () => this.conference;
}

/** Every name is its own value. */
const names = new Proxy({}, { get: (_, name) => name, ownKeys: () => [] }) as Record<string, string>;
export const lib: JitsiLib = {
  events: { connection: names, conference: names, track: names },
  errors: { connection: names, conference: names },
  JitsiConnection: FakeConnection,
  setLogLevel: () => undefined,
  init: () => undefined,
};
