import { html, nothing, type TemplateResult } from "lit";
import type { Devices } from "./devices";
import { icon, type IconName } from "./icon";
import type { Device } from "./trouble";

export const EMOJI = [
  ["👍", "Thumbs up"],
  ["❤️", "Heart"],
  ["😂", "Laughing"],
  ["👏", "Applause"],
  ["🎉", "Celebration"],
  ["😮", "Surprise"],
] as const;

export interface ControlActions {
  toggle(device: Device): void;
  chat(): void;
  reactions(): void;
  react(emoji: string): void;
  leave(): void;
}

export interface ControlState {
  devices: Devices;
  chatOpen: boolean;
  unread: number;
  reactionsOpen: boolean;
}

/** The bar at the bottom of the room. */
export function controls(
  { devices, chatOpen, unread, reactionsOpen }: ControlState,
  actions: ControlActions,
): TemplateResult {
  const device = (which: Device, key: string | null, on: IconName, off: IconName, words: [string, string]) => {
    const isOn = devices.isOn(which);
    return button({
      icon: isOn ? on : off,
      label: isOn ? words[0] : words[1],
      shortcut: key,
      // A camera that is off stands out; a screen that isn't shared is how it mostly is.
      className: which === "screen" ? (isOn ? "round--on" : "") : isOn ? "" : "round--off",
      disabled: devices.isBusy(which),
      act: () => actions.toggle(which),
    });
  };
  return html`<div class="controls" role="toolbar" aria-label="Controls">
    ${device("mic", "m", "mic", "mic-off", ["Mute", "Unmute"])}
    ${device("camera", "v", "camera", "camera-off", ["Turn camera off", "Turn camera on"])}
    ${devices.canShare ? device("screen", null, "screen-off", "screen", ["Stop sharing", "Share screen"]) : nothing}
    <div class="popover-anchor">
      ${
        reactionsOpen
          ? html`<div class="popover" role="group" aria-label="Reactions">
              ${EMOJI.map(
                ([emoji, name]) =>
                  html`<button
                    type="button"
                    class="emoji"
                    aria-label=${name}
                    title=${name}
                    @click=${() => actions.react(emoji)}
                  >
                    ${emoji}
                  </button>`,
              )}
            </div>`
          : nothing
      }
      ${button({ icon: "smile", label: "React", shortcut: "r", className: reactionsOpen ? "round--on" : "", expanded: reactionsOpen, act: actions.reactions })}
    </div>
    <div class="badge-anchor">
      ${button({ icon: "chat", label: chatOpen ? "Close chat" : "Chat", shortcut: "c", className: chatOpen ? "round--on" : "", expanded: chatOpen, act: actions.chat })}
      ${unread > 0 && !chatOpen ? html`<span class="badge" aria-label="${unread} unread">${unread > 99 ? "99+" : unread}</span>` : nothing}
    </div>
    ${button({ icon: "leave", label: "Leave", shortcut: null, className: "round--leave", act: actions.leave })}
  </div>`;
}

interface Button {
  icon: IconName;
  label: string;
  shortcut: string | null;
  className: string;
  disabled?: boolean;
  expanded?: boolean;
  act(): void;
}

function button({ icon: name, label, shortcut, className, disabled = false, expanded, act }: Button): TemplateResult {
  return html`<button
    type="button"
    class="round ${className}"
    aria-label=${label}
    aria-keyshortcuts=${shortcut ?? nothing}
    aria-expanded=${expanded === undefined ? nothing : String(expanded)}
    title=${shortcut ? `${label} (${shortcut.toUpperCase()})` : label}
    ?disabled=${disabled}
    @click=${act}
  >
    ${icon(name)}
  </button>`;
}
