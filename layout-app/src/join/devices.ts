import { explain, type Device } from "./trouble";

export type Tracks = Record<Device, MediaStreamTrack | null>;

const CONSTRAINTS = {
  mic: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  // In a mesh every subscriber is encoded for by itself: 720p is the most a laptop bears.
  camera: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 }, facingMode: "user" },
} as const;

/** A person's microphone, camera and screen. Off means that nothing is captured, except for the microphone: it is muted. */
export class Devices {
  readonly #tracks: Tracks = { mic: null, camera: null, screen: null };
  readonly #trouble = new Map<Device, string>();
  readonly #busy = new Set<Device>();
  #listener: (device: Device) => void = () => undefined;
  #closed = false;

  /** Told whenever something of a device has changed. */
  set onChange(listener: (device: Device) => void) {
    this.#listener = listener;
  }

  isOn(device: Device): boolean {
    return this.#tracks[device]?.enabled ?? false;
  }

  isBusy(device: Device): boolean {
    return this.#busy.has(device);
  }

  /** Phones can't share their screens. */
  get canShare(): boolean {
    return typeof (navigator.mediaDevices as Partial<MediaDevices> | undefined)?.getDisplayMedia === "function";
  }

  track(device: Device): MediaStreamTrack | null {
    return this.#tracks[device];
  }

  /** One sentence about what is wrong with a device. */
  trouble(device: Device): string | null {
    return this.#trouble.get(device) ?? null;
  }

  /** Microphone and camera with one question to the person; one without the other when only one can be had. */
  async start(wanted: { mic: boolean; camera: boolean }): Promise<void> {
    const devices = (["mic", "camera"] as const).filter((device) => wanted[device]);
    for (const device of devices) this.#setBusy(device, true);
    try {
      if (devices.length === 2 && (await this.#turnBothOn())) return;
      // Which of the two is the trouble only shows when they are asked for one by one.
      for (const device of devices) await this.#turnOn(device);
    } finally {
      for (const device of devices) this.#setBusy(device, false);
    }
  }

  async toggle(device: Device): Promise<void> {
    if (this.#busy.has(device)) return;
    this.#setBusy(device, true);
    try {
      const track = this.#tracks[device];
      if (!track) await this.#turnOn(device);
      else if (device === "mic") track.enabled = !track.enabled;
      else this.#release(device);
    } finally {
      this.#setBusy(device, false);
    }
  }

  close(): void {
    this.#closed = true;
    for (const device of ["mic", "camera", "screen"] as const) this.#release(device);
  }

  async #turnBothOn(): Promise<boolean> {
    try {
      const stream = await capture({ audio: CONSTRAINTS.mic, video: CONSTRAINTS.camera });
      this.#take("mic", stream.getAudioTracks()[0]);
      this.#take("camera", stream.getVideoTracks()[0]);
      return true;
    } catch {
      return false;
    }
  }

  async #turnOn(device: Device): Promise<void> {
    this.#trouble.delete(device);
    try {
      const stream =
        device === "screen"
          ? await captureScreen()
          : await capture(device === "mic" ? { audio: CONSTRAINTS.mic } : { video: CONSTRAINTS.camera });
      this.#take(device, stream.getTracks()[0]);
    } catch (error) {
      const sentence = explain(device, error instanceof Error ? error.name : String(error));
      if (sentence !== null) this.#trouble.set(device, sentence);
    }
  }

  #take(device: Device, track: MediaStreamTrack | undefined): void {
    if (!track) return;
    if (this.#closed) {
      track.stop();
      return;
    }
    if (device === "screen") track.contentHint = "detail";
    track.onended = () => {
      // Unplugged, or ended by the browser's own "stop sharing".
      if (this.#tracks[device] !== track) return;
      this.#release(device);
      const sentence = device === "screen" ? null : explain(device, "NotFoundError");
      if (sentence !== null) this.#trouble.set(device, sentence);
      this.#listener(device);
    };
    this.#tracks[device] = track;
    this.#trouble.delete(device);
  }

  #release(device: Device): void {
    this.#tracks[device]?.stop();
    this.#tracks[device] = null;
  }

  #setBusy(device: Device, busy: boolean): void {
    if (busy) this.#busy.add(device);
    else this.#busy.delete(device);
    this.#listener(device);
  }
}

function capture(constraints: MediaStreamConstraints): Promise<MediaStream> {
  return secure().getUserMedia(constraints);
}

function captureScreen(): Promise<MediaStream> {
  return secure().getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: false });
}

/** Absent on pages that are neither https nor on this machine. */
function secure(): MediaDevices {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) {
    const error = new Error("no media devices");
    error.name = "InsecureContext";
    throw error;
  }
  return devices;
}
