/** Room names as the server takes them: `[A-Za-z0-9_-]{1,64}`. */
const ROOM_NAME = /^[A-Za-z0-9_-]{1,64}$/;

export function isRoomName(name: string): boolean {
  return ROOM_NAME.test(name);
}

/** What a person typed, made a room name where spaces and accents are all that is wrong with it. */
export function toRoomName(typed: string): string {
  return typed.trim().normalize("NFD").replace(/\p{M}/gu, "").replace(/\s+/g, "-").slice(0, 64);
}

/** Address of a room's signalling socket, on the server that this page came from. */
export function socketUrl(page: URL, room: string): string {
  const url = new URL(`/rooms/${encodeURIComponent(room)}/ws`, page);
  url.protocol = page.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** What to send to others so that they come too. */
export function invitation(page: URL, room: string): string {
  return new URL(`/rooms/${encodeURIComponent(room)}`, page).href;
}
