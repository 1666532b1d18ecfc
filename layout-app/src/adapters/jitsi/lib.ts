/**
 * As much of lib-jitsi-meet as is used here. The library itself is the deployment's own, of whatever version that has: what came later
 * than 2022 is marked as optional.
 */

/** What a deployment's scripts leave in the page. */
export interface JitsiScope {
  JitsiMeetJS?: JitsiLib;
  config?: JitsiConfig;
}

/** `config.js` of a deployment. Everything in it is optional, and whatever its operator has written. */
export interface JitsiConfig {
  readonly hosts?: { readonly domain?: string; readonly muc?: string; readonly anonymousdomain?: string };
  readonly hiddenDomain?: string;
  readonly websocket?: string;
  readonly bosh?: string;
  readonly preferBosh?: boolean;
  readonly p2p?: object;
  readonly flags?: object;
  readonly [key: string]: unknown;
}

export interface JitsiLib {
  readonly events: {
    readonly connection: Readonly<Record<string, string>>;
    readonly conference: Readonly<Record<string, string>>;
    readonly track: Readonly<Record<string, string>>;
  };
  readonly errors: {
    readonly connection: Readonly<Record<string, string>>;
    readonly conference: Readonly<Record<string, string>>;
  };
  readonly logLevels?: Readonly<Record<string, unknown>>;
  readonly JitsiConnection: new (appId: null, token: string | null, options: object) => JitsiConnection;
  setLogLevel(level: unknown): void;
  init(options: object): unknown;
}

type Listen = (event: string, listener: (...told: never[]) => void) => void;

export interface JitsiConnection {
  readonly addEventListener: Listen;
  addFeature(feature: string, submit?: boolean): void;
  connect(options: { id?: string; password?: string }): void;
  disconnect(): unknown;
  initJitsiConference(room: string, options: object): JitsiConference;
}

export interface JitsiConference {
  readonly on: Listen;
  join(passcode?: string): void;
  leave(): Promise<unknown>;
  myUserId(): string | null;
  getParticipants(): JitsiParticipant[];
  getParticipantById(id: string): JitsiParticipant | undefined;
  setDisplayName(name: string): void;
  sendCommand(name: string, values: object): void;
  addCommandListener(name: string, hear: (node: CommandNode, id: string) => void): void;
  setReceiverConstraints(constraints: object): void;
}

export interface CommandNode {
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface JitsiParticipant {
  getId(): string;
  getDisplayName(): string | undefined;
  getProperty(name: string): unknown;
  getTracks(): JitsiTrack[];
  getSources?(): ReadonlyMap<string, ReadonlyMap<string, JitsiSource>>;
  isAudioMuted(): boolean;
  isHidden(): boolean;
  isHiddenFromRecorder?(): boolean;
  isModerator(): boolean;
}

/** What is known of a source before its track has come. */
export interface JitsiSource {
  readonly muted: boolean;
  readonly videoType?: string;
}

export interface JitsiTrack {
  readonly on?: Listen;
  getType(): string;
  getVideoType(): string | undefined;
  getParticipantId(): string;
  getSourceName?(): string | undefined;
  getTrackStreamingStatus?(): string | null | undefined;
  isMuted(): boolean;
  attach(element: HTMLMediaElement): unknown;
  detach(element: HTMLMediaElement): void;
}
