import type { SharedKey } from "../adapters/livekit/encryption";
import { Bridge } from "../contract";
import { takeCast, type CastConfig } from "../contract/cast";
import { DemoSeat } from "./demo_seat";
import { Member } from "./member";
import { preview } from "./preview";
import type { Said } from "./script";
import { cuesBetween, saidAt, speaks } from "./script";
import { SeatFailure, type Encoding, type Seat } from "./seat";
import { Studio } from "./studio";

/** Bits for each pixel of each frame: 250 kbit/s at 640x360 and 15 frames a second, plenty for a flat drawing. */
const BITS_PER_PIXEL = 0.072;
const SCREEN_BPS = 600_000;

async function play(config: CastConfig, bridge: Bridge): Promise<void> {
  const studio = new Studio();
  await studio.start();
  const members = config.members.map((member) => new Member(member, studio));
  const lost = (failure: SeatFailure) => bridge.failed(failure.fault, failure.message);
  const seats = await Promise.all(members.map((member, i) => seatOf(config, i, member, lost)));
  window.addEventListener("pagehide", () => {
    for (const seat of seats) seat.leave();
    studio.close();
  });

  // Faces move from the start, so that whoever is first in the room sees a picture at once.
  let startedAt = Number.POSITIVE_INFINITY;
  let played = 0;
  let said: Said | null = null;
  everyFrame(config.fps, (now) => {
    const ms = now - startedAt;
    members.forEach((member, i) => member.live(now / 1000, speaks(config.script, config.members, i, ms)));
    if (ms < 0) return;
    for (const cue of cuesBetween(config.script, members.length, played, ms)) seats[cue.member]?.act(cue.action);
    played = ms;
    const saying = saidAt(config.script, config.members, ms);
    if (saying && (saying.turn !== said?.turn || saying.text !== said.text)) {
      seats[saying.member]?.say(`turn ${saying.turn}`, saying.text, saying.last);
      said = saying;
    }
  });

  // One after another: the roster then has the order of the cast.
  for (const seat of seats) await seat.take();
  await Promise.all(seats.map((seat) => seat.send()));
  startedAt = performance.now();
  bridge.ready();
}

async function seatOf(
  config: CastConfig,
  index: number,
  member: Member,
  lost: (failure: SeatFailure) => void,
): Promise<Seat> {
  const { target, fps } = config;
  const person = config.members[index];
  if (!person) throw new Error(`The cast has no member ${index}.`);
  const { width, height } = person.size;
  const encoding: Encoding = {
    fps,
    cameraBps: Math.round(width * height * fps * BITS_PER_PIXEL),
    screenBps: SCREEN_BPS,
  };
  if (target.kind === "demo") return new DemoSeat(target.url, person, member.media, encoding, lost);
  const { LivekitSeat } = await import("./livekit_seat");
  const key = target.e2ee_key ? await encrypted(target.e2ee_key) : null;
  return new LivekitSeat(target.url, target.tokens[index] ?? "", person, member.media, encoding, lost, key);
}

async function encrypted(key: string): Promise<SharedKey> {
  const { sharedKey } = await import("../adapters/livekit/encryption");
  return sharedKey(key);
}

/** Calls `draw` as often as `fps` says; when it falls behind it leaves frames out instead of hurrying after them. */
function everyFrame(fps: number, draw: (now: number) => void): void {
  const step = 1000 / fps;
  let due = performance.now();
  const turn = () => {
    const now = performance.now();
    draw(now);
    due = Math.max(due + step, now);
    setTimeout(turn, due - performance.now());
  };
  turn();
}

const query = new URLSearchParams(location.search);
if (query.has("preview")) {
  preview(query);
} else {
  const bridge = new Bridge(window);
  bridge.onFailed = (message) => {
    document.body.textContent = message;
  };
  const taken = takeCast(window);
  if (taken.ok) {
    play(taken.config, bridge).catch((error: unknown) => {
      const fault = error instanceof SeatFailure ? error.fault : "platform";
      bridge.failed(fault, error instanceof Error ? error.message : String(error));
    });
  } else {
    bridge.failed("request", taken.message);
  }
}
