import { ConnectionError, ConnectionErrorReason, DisconnectReason } from "livekit-client";
import type { PageEnd } from "../../contract";
import { RoomFailure } from "../room";

/** Why a LiveKit room could not be joined. */
export function joinFailure(error: unknown, url: string): RoomFailure {
  const server = `The LiveKit server at ${hostOf(url)}`;
  const detail = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ConnectionError))
    return new RoomFailure("room", `${server} could not be joined: ${oneLine(detail)}.`);
  const reason: ConnectionErrorReason = error.reason;
  switch (reason) {
    case ConnectionErrorReason.NotAllowed:
      return error.status === 404
        ? new RoomFailure(
            "request",
            "The LiveKit server has no room of this name and does not make rooms by itself; create the room first.",
          )
        : new RoomFailure(
            "request",
            `The LiveKit server refused the token (${oneLine(detail)}); check --api-key and --api-secret.`,
          );
    case ConnectionErrorReason.ServerUnreachable:
    case ConnectionErrorReason.WebSocket:
      return new RoomFailure(
        "room",
        `${server} could not be reached; check the address and that the server is running.`,
      );
    case ConnectionErrorReason.ServiceNotFound:
      return new RoomFailure("room", `${hostOf(url)} answers, but not as a LiveKit server; check the address.`);
    case ConnectionErrorReason.Timeout:
      return new RoomFailure("room", `${server} did not answer in time.`);
    case ConnectionErrorReason.LeaveRequest:
      return new RoomFailure("room", `${server} sent the recorder away while it was joining.`);
    case ConnectionErrorReason.InternalError:
      return detail.includes("pc connection")
        ? noMedia(url)
        : new RoomFailure("room", `${server} could not be joined: ${oneLine(detail)}.`);
    case ConnectionErrorReason.Cancelled:
      return new RoomFailure("room", `${server} broke off the connection while the recorder was joining.`);
  }
}

/** The join took longer than it may, in the step that is named. */
export function joinTooLate(url: string, signalled: boolean, seconds: number): RoomFailure {
  return signalled
    ? noMedia(url)
    : new RoomFailure(
        "room",
        `The LiveKit server at ${hostOf(url)} did not let the recorder join within ${seconds} s; check that the address is that of a LiveKit server and that it is running.`,
      );
}

function noMedia(url: string): RoomFailure {
  return new RoomFailure(
    "room",
    `The LiveKit server at ${hostOf(url)} was joined but its media ports can't be reached; open them towards the recorder (UDP 50000-60000 or the server's rtc settings).`,
  );
}

/** What it means that the room is gone after it was joined; null for our own leave. */
export function partingOf(reason: DisconnectReason | undefined, url: string): PageEnd | RoomFailure | null {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return null;
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return "room_ended";
    case DisconnectReason.PARTICIPANT_REMOVED:
      return "kicked";
    case DisconnectReason.DUPLICATE_IDENTITY:
      return new RoomFailure(
        "room",
        "Another participant joined the room under the recorder's identity, and the server dropped the recorder.",
      );
    case DisconnectReason.SERVER_SHUTDOWN:
      return new RoomFailure("room", `The LiveKit server at ${hostOf(url)} was shut down.`);
    default:
      return new RoomFailure(
        "room",
        `The connection to the LiveKit server at ${hostOf(url)} was lost and could not be restored.`,
      );
  }
}

/** Never the whole address: its query may carry a token. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

/** Without the SDK's preamble, and without the token, which LiveKit's answer quotes. */
function oneLine(text: string): string {
  return text
    .replace(/^could not establish signal connection:/, "")
    .replace(/eyJ\S*/g, "")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[.:,]+$/, "")
    .slice(0, 160);
}
