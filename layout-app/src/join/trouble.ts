/** What a person can send. */
export type Device = "mic" | "camera" | "screen";

const NAMES: Record<Device, string> = { mic: "microphone", camera: "camera", screen: "screen" };

/** Why a device can't be had, and what to do: one sentence for a person. `null` when there is nothing to explain. */
export function explain(device: Device, errorName: string): string | null {
  const name = NAMES[device];
  switch (errorName) {
    case "NotAllowedError":
    case "SecurityError":
      // Whoever closes the browser's choice of screens knows that they did.
      if (device === "screen") return null;
      return `The browser was not allowed to use the ${name}; allow it in the address bar and try again.`;
    case "NotFoundError":
    case "DevicesNotFoundError":
      return `No ${name} was found; connect one, or join without.`;
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return `The ${name} is in use by another program or did not start; close that program and try again.`;
    case "OverconstrainedError":
      return `The ${name} can't deliver what was asked of it; try another one.`;
    case "InsecureContext":
      return `Browsers give a ${name} only to secure pages; open this page by https, or on this machine as http://localhost.`;
    default:
      return `The ${name} did not start (${errorName}); try again, or join without.`;
  }
}
