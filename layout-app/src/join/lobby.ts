import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import type { Devices } from "./devices";
import { icon } from "./icon";
import { streamOf } from "./stage";
import type { Device } from "./trouble";

/** What a person does before the room. */
export interface LobbyActions {
  named(name: string): void;
  toggle(device: Device): void;
  join(): void;
}

/** Before the room: a look into the mirror, a name, and which devices to bring. */
export function lobby(
  room: string,
  name: string,
  devices: Devices,
  level: number,
  actions: LobbyActions,
): TemplateResult {
  const camera = devices.isOn("camera");
  const waiting = devices.isBusy("camera") && !camera;
  const troubles = (["mic", "camera"] as const).flatMap((device) => devices.trouble(device) ?? []);
  return html`<main class="lobby">
    <section class="mirror" aria-label="Your picture">
      <div class="mirror__frame">
        ${
          camera
            ? html`<video
                class="mirrored cover"
                .srcObject=${live(streamOf(devices.track("camera")))}
                .muted=${true}
                autoplay
                playsinline
              ></video>`
            : html`<p class="mirror__off">${waiting ? "Starting the camera…" : "Camera is off"}</p>`
        }
        <div class="mirror__controls">
          ${deviceButton(devices, "mic", actions, level)} ${deviceButton(devices, "camera", actions, 0)}
        </div>
      </div>
      ${
        troubles.length > 0
          ? html`<ul class="troubles" role="status">
              ${troubles.map((trouble) => html`<li>${trouble}</li>`)}
            </ul>`
          : nothing
      }
    </section>
    <form
      class="entrance"
      @submit=${(event: Event) => {
        event.preventDefault();
        actions.join();
      }}
    >
      <h1>Ready to join?</h1>
      <p class="entrance__room">Room <strong>${room}</strong></p>
      <label for="name">Your name</label>
      <input
        id="name"
        name="name"
        autocomplete="name"
        maxlength="64"
        required
        dir="auto"
        enterkeyhint="go"
        placeholder="How others see you"
        .value=${name}
        @input=${(event: Event) => actions.named((event.target as HTMLInputElement).value)}
      />
      <button class="primary" type="submit" ?disabled=${name.trim() === ""}>Join room</button>
      <p class="hint">${hint(devices)}</p>
    </form>
  </main>`;
}

function hint(devices: Devices): string {
  const mic = devices.isOn("mic");
  const camera = devices.isOn("camera");
  if (mic && camera) return "Others will see and hear you.";
  if (mic) return "Others will hear you, but not see you.";
  if (camera) return "Others will see you, but not hear you.";
  return "You can join without camera and microphone: to watch, listen and chat.";
}

const WORDS = { mic: "microphone", camera: "camera" } as const;

function deviceButton(
  devices: Devices,
  device: "mic" | "camera",
  actions: LobbyActions,
  level: number,
): TemplateResult {
  const on = devices.isOn(device);
  return html`<button
    type="button"
    class="round ${on ? "" : "round--off"}"
    style="--level:${Math.min(1, level * 8).toFixed(2)}"
    aria-pressed=${on ? "true" : "false"}
    aria-label=${WORDS[device]}
    title=${`Turn ${WORDS[device]} ${on ? "off" : "on"}`}
    ?disabled=${devices.isBusy(device)}
    @click=${() => actions.toggle(device)}
  >
    ${icon(on ? device : `${device}-off`)}
  </button>`;
}
