import { html, nothing, type TemplateResult } from "lit";
import { icon, type IconName } from "./icon";
import { RATES, type Media } from "./media";
import { vars } from "./vars";
import { lastBegun, type Cue } from "./vtt";
import { clock } from "./words";

export interface ControlState {
  media: Media;
  chapters: readonly Cue[];
  /** Where a pointer rests on the bar, in seconds. */
  aimed: number | null;
  isWhole: boolean;
}

export interface ControlActions {
  aim(time: number | null): void;
  whole(): void;
}

/** The bar below the picture: where it is, and how it plays. */
export function controls({ media, chapters, aimed, isWhole }: ControlState, actions: ControlActions): TemplateResult {
  const { video, duration } = media;
  const silent = video.muted || video.volume === 0;
  return html`<div class="controls" role="group" aria-label="Controls">
    ${bar(media, chapters, aimed, actions)}
    <div class="controls__row">
      ${button(video.paused ? "play" : "pause", video.paused ? "Play" : "Pause", "k", () => media.toggle())}
      <span class="controls__wide">
        ${button("back", "Back 10 seconds", "j", () => media.seek(video.currentTime - 10))}
        ${button("ahead", "Ahead 10 seconds", "l", () => media.seek(video.currentTime + 10))}
      </span>
      <span class="volume">
        ${button(silent ? "silence" : "sound", silent ? "Unmute" : "Mute", "m", () => (video.muted = !video.muted))}
        <input
          class="volume__level"
          type="range"
          min="0"
          max="1"
          step="0.05"
          aria-label="Volume"
          .value=${String(silent ? 0 : video.volume)}
          ${vars({ "--filled": `${silent ? 0 : video.volume * 100}%` })}
          @input=${(event: Event) => {
            video.volume = Number((event.currentTarget as HTMLInputElement).value);
            video.muted = video.volume === 0;
          }}
        />
      </span>
      <span class="controls__time">
        <span>${clock(video.currentTime)}</span>
        ${media.isLive ? html`<span class="live">live</span>` : html`<span class="controls__of">/ ${clock(duration)}</span>`}
      </span>
      <span class="controls__chapter" dir="auto"
        >${chapters[lastBegun(chapters, video.currentTime)]?.text ?? nothing}</span
      >
      <label class="rate">
        <span class="unseen">Speed</span>
        <select
          @change=${(event: Event) => (video.playbackRate = Number((event.currentTarget as HTMLSelectElement).value))}
        >
          ${RATES.map((rate) => html`<option value=${rate} ?selected=${rate === video.playbackRate}>${rate}×</option>`)}
        </select>
      </label>
      ${
        media.source?.kind === "audio"
          ? nothing
          : button(isWhole ? "part" : "whole", isWhole ? "Leave full screen" : "Full screen", "f", actions.whole)
      }
    </div>
  </div>`;
}

function bar(media: Media, chapters: readonly Cue[], aimed: number | null, actions: ControlActions): TemplateResult {
  const { video, duration } = media;
  const share = (time: number) => `${duration > 0 ? Math.min(100, (time / duration) * 100) : 0}%`;
  const chapterAt = (time: number) => chapters[lastBegun(chapters, time)]?.text;
  const said = [`${clock(video.currentTime)} of ${clock(duration)}`, chapterAt(video.currentTime)]
    .filter(Boolean)
    .join(", ");
  const timeAt = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width)) * duration;
  };
  return html`<div
    class="bar"
    ${vars({ "--filled": share(video.currentTime), "--loaded": share(media.loaded), "--aimed": share(aimed ?? 0) })}
    @pointermove=${(event: PointerEvent) => actions.aim(event.pointerType === "touch" ? null : timeAt(event))}
    @pointerleave=${() => actions.aim(null)}
  >
    <div class="bar__track"></div>
    ${chapters.slice(1).map((chapter) => html`<span class="bar__mark" ${vars({ "--at": share(chapter.from) })}></span>`)}
    <input
      type="range"
      min="0"
      max=${duration || 1}
      step="0.1"
      aria-label="Position"
      aria-valuetext=${said}
      .value=${String(video.currentTime)}
      @input=${(event: Event) => media.seek(Number((event.currentTarget as HTMLInputElement).value))}
    />
    ${
      aimed === null || duration === 0
        ? nothing
        : html`<output class="bar__aim" aria-hidden="true">
            ${chapterAt(aimed) ? html`<span dir="auto">${chapterAt(aimed)}</span>` : nothing}${clock(aimed)}
          </output>`
    }
  </div>`;
}

function button(name: IconName, label: string, key: string, act: () => void): TemplateResult {
  return html`<button
    type="button"
    class="control"
    aria-label=${label}
    aria-keyshortcuts=${key}
    title="${label} (${key})"
    @click=${act}
  >
    ${icon(name)}
  </button>`;
}
