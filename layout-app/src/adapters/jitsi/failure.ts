import type { JitsiLogin } from "../../contract/generated/JitsiLogin";
import { RoomFailure } from "../room";
import type { JitsiPlace } from "./options";
import { hostOf } from "./options";

/** What it means that the room is gone, or was not to be had. */
export interface Parting {
  readonly failure: RoomFailure;
  /** It may be better in a moment: worth coming back. */
  readonly passing: boolean;
  /** The room was closed. */
  readonly closed: boolean;
}

const final = (failure: RoomFailure): Parting => ({ failure, passing: false, closed: false });
const passing = (failure: RoomFailure): Parting => ({ failure, passing: true, closed: false });

/** Where to look when there is no deployment at an address. */
export function noScript(url: string, file: string): RoomFailure {
  return new RoomFailure(
    "room",
    `${file} of the Jitsi deployment at ${hostOf(url)} could not be loaded; check that the address is that of a Jitsi web client, that it is running and that its certificate is valid.`,
  );
}

/** A step of the way into a room. */
export type Step = "loading" | "connecting" | "asking" | "entering";

const SLOW: Readonly<Record<Step, string>> = {
  loading: "did not hand out its config.js and lib-jitsi-meet",
  connecting: "did not answer over XMPP",
  asking: "did not answer the request for the conference (is its focus, jicofo, running?)",
  entering: "did not let the recorder into the room",
};

/** The join took longer than it may, in the step that is named. */
export function joinTooLate(url: string, step: Step, seconds: number): RoomFailure {
  return new RoomFailure("room", `The Jitsi deployment at ${hostOf(url)} ${SLOW[step]} within ${seconds} s.`);
}

/** A connection that failed, by the name that the lib has for it: a key of its `errors.connection`. */
export function connectionParting(error: string, detail: string, { url, access }: JitsiPlace): Parting {
  const deployment = `The Jitsi deployment at ${hostOf(url)}`;
  switch (error) {
    case "PASSWORD_REQUIRED":
      return final(new RoomFailure("request", refusal(deployment, access.login, detail)));
    case "NOT_LIVE_ERROR":
      return final(
        new RoomFailure("request", `${deployment} says that the conference has not begun; record it later.`),
      );
    case "CONFERENCE_REQUEST_FAILED":
      return passing(
        new RoomFailure(
          "room",
          `${deployment} gave no conference: its focus (jicofo) refused or did not answer; see the deployment's own logs.`,
        ),
      );
    case "SERVER_ERROR":
      return passing(new RoomFailure("room", `The XMPP server of ${deployment.slice(4)} answers with errors.`));
    case "CONNECTION_TOKEN_EXPIRED":
      return final(new RoomFailure("request", `The token for ${hostOf(url)} has expired; give a fresh one.`));
    default:
      return passing(
        new RoomFailure(
          "room",
          `The XMPP server of ${deployment.slice(4)} could not be reached, or broke off; check that it is running, and that it may be used over WebSocket or, from any origin, over BOSH.`,
        ),
      );
  }
}

function refusal(deployment: string, login: JitsiLogin, detail: string): string {
  switch (login.kind) {
    case "guest":
      return `${deployment} lets nobody in without a login; give an account of its hidden domain (--jitsi-user and --jitsi-password) or a token (--jitsi-token).`;
    case "account":
      return `${deployment} refused the account "${login.user}" or its password; check --jitsi-user and --jitsi-password.`;
    case "token":
      return `${deployment} refused the token${detail ? ` (${oneLine(detail, login.token)})` : ""}; check --jitsi-token.`;
  }
}

/** A conference that failed, by the name that the lib has for it: a key of its `errors.conference`. */
export function conferenceParting(error: string, { url, room, access }: JitsiPlace): Parting {
  const deployment = `The Jitsi deployment at ${hostOf(url)}`;
  const named = `The Jitsi room "${room}"`;
  switch (error) {
    case "CONFERENCE_DESTROYED": {
      const failure = new RoomFailure("room", `${named} was closed before there was anything to record.`);
      return { failure, passing: false, closed: true };
    }
    case "PASSWORD_REQUIRED":
      return final(
        new RoomFailure(
          "request",
          access.passcode === null
            ? `${named} has a password; give it by --jitsi-passcode, or have the deployment let its recorder in without.`
            : `${named} refused its password; check --jitsi-passcode.`,
        ),
      );
    case "AUTHENTICATION_REQUIRED":
    case "NOT_ALLOWED_ERROR":
      return final(
        new RoomFailure(
          "request",
          access.login.kind === "guest"
            ? `${deployment} lets nobody into the room without a login, or not before its host; give an account of its hidden domain (--jitsi-user and --jitsi-password) or a token (--jitsi-token).`
            : `${deployment} does not let this ${access.login.kind} into the room "${room}".`,
        ),
      );
    case "MEMBERS_ONLY_ERROR":
      return final(
        new RoomFailure(
          "request",
          `${named} has a lobby; give an account of the deployment's hidden domain, which passes it (--jitsi-user and --jitsi-password), or have the lobby switched off.`,
        ),
      );
    case "CONFERENCE_ACCESS_DENIED":
      return final(new RoomFailure("room", `A moderator did not let the recorder into the room "${room}".`));
    case "CONFERENCE_MAX_USERS":
      return final(new RoomFailure("room", `${named} is full.`));
    case "DISPLAY_NAME_REQUIRED":
      return final(new RoomFailure("room", `${deployment} did not take the recorder's name.`));
    case "RESERVATION_ERROR":
      return final(new RoomFailure("room", `The reservation system of ${deployment.slice(4)} refused the room.`));
    case "INCOMPATIBLE_SERVER_VERSIONS":
      return final(
        new RoomFailure("room", `The parts of ${deployment.slice(4)} are of versions that do not go together.`),
      );
    case "VIDEOBRIDGE_NOT_AVAILABLE":
      return passing(new RoomFailure("room", `${deployment} has no video bridge that works.`));
    case "ICE_FAILED":
      return passing(
        new RoomFailure(
          "room",
          `The video bridge of ${deployment.slice(4)} can't be reached; open its media port (UDP 10000) towards the recorder.`,
        ),
      );
    default:
      return passing(new RoomFailure("room", `The connection to ${named.slice(4)} at ${hostOf(url)} was lost.`));
  }
}

/** What is left to say when coming back has failed for too long. */
export function notRestored({ message, fault }: RoomFailure, seconds: number): RoomFailure {
  return new RoomFailure(fault, `${message} It could not be restored within ${seconds} s.`);
}

/** The key of a table of the lib's for one of its values. */
export function nameOf(table: Readonly<Record<string, string>>, value: unknown): string {
  return Object.keys(table).find((name) => table[name] === value) ?? String(value);
}

/** What a server says, without what it should not have repeated. */
function oneLine(text: string, secret: string): string {
  return text
    .replaceAll(secret, "")
    .replace(/eyJ\S*/g, "")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[.:,]+$/, "")
    .slice(0, 160);
}
