import type { JitsiAccess } from "../../contract/generated/JitsiAccess";
import type { JitsiLogin } from "../../contract/generated/JitsiLogin";
import { RoomFailure } from "../room";
import type { JitsiConfig } from "./lib";

/** Where a room is, and what opens it. */
export interface JitsiPlace {
  /** Address of the deployment's web client, without the room. */
  readonly url: string;
  readonly room: string;
  readonly access: JitsiAccess;
}

/** Files of a deployment: beside its web client, of which each tenant has its own. */
export function fileOf(url: string, name: string): string {
  return new URL(name, url.endsWith("/") ? url : `${url}/`).href;
}

/** As whom to connect: an XMPP login, or a token; neither for a guest. */
export interface Credentials {
  readonly id?: string;
  readonly password?: string;
  readonly token: string | null;
}

/** An account without a domain is of the hidden one. */
export function credentialsOf(login: JitsiLogin, config: JitsiConfig): Credentials {
  switch (login.kind) {
    case "guest":
      return { token: null };
    case "token":
      return { token: login.token };
    case "account": {
      if (login.user.includes("@")) return { id: login.user, password: login.password, token: null };
      if (!config.hiddenDomain)
        throw new RoomFailure(
          "request",
          `The deployment's config.js names no hidden domain for the account "${login.user}"; give the account with its domain, such as ${login.user}@recorder.meet.example.org.`,
        );
      return { id: `${login.user}@${config.hiddenDomain}`, password: login.password, token: null };
    }
  }
}

/** Which domain's members are not shown: the deployment's, or ours, if its web client knows of none. */
function hiddenDomain(config: JitsiConfig, { id }: Credentials): string | undefined {
  return config.hiddenDomain ?? id?.split("@")[1];
}

/** Where XMPP is spoken: by WebSocket if the deployment has that, which asks no server for leave to be used from another origin. */
export function serviceUrl(url: string, config: JitsiConfig, room: string): string {
  const { websocket, bosh, preferBosh } = config;
  const service = new URL((preferBosh ? undefined : websocket) || bosh || "/http-bind", url);
  service.searchParams.set("room", room);
  return service.href;
}

/** What the lib is told about the conference. Everything that measures, asks for devices, or goes around the bridge is off. */
export function conferenceOptions(config: JitsiConfig, credentials: Credentials): object {
  return {
    ...config,
    hiddenDomain: hiddenDomain(config, credentials),
    iAmRecorder: true,
    analytics: { disabled: true, rtcstatsEnabled: false },
    disableAudioLevels: false,
    enableNoAudioDetection: false,
    enableNoisyMicDetection: false,
    enableTalkWhileMuted: false,
    e2eping: { enabled: false },
    p2p: { ...config.p2p, enabled: false },
    startAudioMuted: undefined,
    startVideoMuted: undefined,
    startSilent: false,
  };
}

/**
 * What the lib is told about the connection: the deployment's own configuration, as its web client does it. What that asks for by HTTP
 * it would have to allow for our origin, so it is asked for over XMPP.
 */
export function connectionOptions(url: string, config: JitsiConfig, room: string, credentials: Credentials): object {
  if (!config.hosts?.domain)
    throw new RoomFailure(
      "room",
      `The config.js at ${hostOf(url)} names no XMPP domain ("hosts"); check that the address is that of a Jitsi web client.`,
    );
  return {
    ...conferenceOptions(config, credentials),
    serviceUrl: serviceUrl(url, config, room),
    // The lib refuses it beside the address above.
    bosh: undefined,
    conferenceRequestUrl: undefined,
    websocketKeepAliveUrl: undefined,
    preferVisitor: false,
    // Every track has a name of its own then, and who has one is known whether or not it is received.
    flags: { ...config.flags, ssrcRewritingEnabled: false },
  };
}

/** The name by which the deployment's servers know a room: as every Jitsi client makes it. */
export function backendName(room: string): string {
  return encodeURIComponent(room.normalize("NFKC").toLowerCase()).toLowerCase();
}

/** Never the whole address. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
