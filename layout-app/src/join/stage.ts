import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { styleMap } from "lit/directives/style-map.js";
import type { DemoMedia } from "../contract/generated/DemoMedia";
import { initials, scriptLanguage } from "../model";
import { hueOf } from "../overlays/hue";
import { arrange, type Placement, type Size, USUAL_GAP } from "../stage";
import { icon } from "./icon";
import type { Reaction } from "./talk";

/** Somebody in the room, as the stage draws them. */
export interface Seen {
  id: string;
  name: string;
  media: DemoMedia;
  camera: MediaStreamTrack | null;
  screen: MediaStreamTrack | null;
  self: boolean;
  speaking: boolean;
}

const streams = new WeakMap<MediaStreamTrack, MediaStream>();

/**
 * A stream of a track that stays the same. Bind it with `live`: an element that is given the stream it has starts it anew, and
 * without `live` an object is given at every drawing.
 */
export function streamOf(track: MediaStreamTrack | null): MediaStream | null {
  if (!track) return null;
  const known = streams.get(track) ?? new MediaStream([track]);
  streams.set(track, known);
  return known;
}

/** The tiles of everybody, arranged as a recording would arrange them. */
export class Stage {
  #seats: readonly string[] = [];
  readonly #spokeAt = new Map<string, number>();
  readonly #shapes = new Map<string, number>();

  constructor(private readonly changed: () => void) {}

  draw(people: readonly Seen[], reactions: readonly Reaction[], viewport: Size): TemplateResult {
    for (const { id, speaking } of people) if (speaking) this.#spokeAt.set(id, performance.now());
    const arrangement = arrange(
      {
        layout: "grid",
        viewport,
        people: people.map(({ id, media }) => ({
          identity: id,
          spokeAt: this.#spokeAt.get(id) ?? null,
          shape: media.camera ? (this.#shapes.get(`camera ${id}`) ?? null) : null,
        })),
        // One's own screen is on one's screen already.
        shares: people
          .filter(({ media, screen, self }) => media.screen && screen && !self)
          .map(({ id }) => ({ identity: id, shape: this.#shapes.get(`screen ${id}`) ?? null })),
        speaker: null,
        bands: { top: 0, bottom: 0 },
        gap: USUAL_GAP,
        page: 0,
      },
      this.#seats,
    );
    this.#seats = arrangement.seats;
    const tile = (placement: Placement) => {
      if (placement.kind === "more") return this.#more(placement, placement.count);
      const person = people.find(({ id }) => id === placement.identity);
      if (!person || placement.kind === "voice") return nothing;
      if (placement.kind === "share") return this.#share(placement, person, placement.caption);
      const own = reactions.filter(({ from }) => from === person.id);
      return this.#person(placement, person, fills(placement) ? "cover" : "contain", own);
    };
    return html`${repeat(arrangement.placements, ({ key }) => key, tile)}`;
  }

  #person(placement: Placement, person: Seen, fit: string, reactions: readonly Reaction[]): TemplateResult {
    const { id, name, media, self, speaking } = person;
    const shown = media.camera && person.camera;
    const who = self ? `${name} (you)` : name;
    return html`<div
      class="tile ${speaking && media.mic ? "tile--speaking" : ""}"
      style=${place(placement)}
      role="group"
      aria-label=${media.mic ? who : `${who}, muted`}
    >
      <div class="avatar" style=${styleMap({ "--hue": String(hueOf(id || name)) })} ?hidden=${shown}>
        <span dir="auto" lang=${scriptLanguage(name) ?? nothing}>${initials(name)}</span>
      </div>
      ${shown ? this.#video(person.camera, `camera ${id}`, `${fit} ${self ? "mirrored" : ""}`) : nothing}
      ${this.#plate(name, self ? "(you)" : "", media.mic ? null : "mic-off")}
      <div class="reactions">
        ${repeat(
          reactions,
          ({ key }) => key,
          ({ key, emoji }) =>
            html`<span class="reaction" style=${styleMap({ "--drift": String((key % 5) - 2) })}>${emoji}</span>`,
        )}
      </div>
    </div>`;
  }

  #share(placement: Placement, { id, name, screen }: Seen, caption: number): TemplateResult {
    return html`<div
      class="tile tile--share ${caption > 0 ? "tile--captioned" : ""}"
      style=${place(placement, caption)}
      role="group"
      aria-label=${`Screen of ${name}`}
    >
      ${this.#video(screen, `screen ${id}`, "contain")} ${this.#plate(name, "", "screen")}
    </div>`;
  }

  #more(placement: Placement, count: number): TemplateResult {
    return html`<div class="tile tile--more" style=${place(placement)} role="group" aria-label=${`${count} more`}>
      +${count}
    </div>`;
  }

  #video(track: MediaStreamTrack | null, key: string, className: string): TemplateResult {
    const measure = (event: Event) => {
      const { videoWidth, videoHeight } = event.target as HTMLVideoElement;
      if (videoWidth === 0 || videoHeight === 0 || this.#shapes.get(key) === videoWidth / videoHeight) return;
      this.#shapes.set(key, videoWidth / videoHeight);
      this.changed();
    };
    return html`<video
      class=${className}
      .srcObject=${live(streamOf(track))}
      .muted=${true}
      autoplay
      playsinline
      disablepictureinpicture
      @resize=${measure}
      @loadedmetadata=${measure}
    ></video>`;
  }

  #plate(name: string, suffix: string, mark: "mic-off" | "screen" | null): TemplateResult {
    return html`<div class="plate">
      ${mark ? html`<span class="mark mark--${mark}">${icon(mark)}</span>` : nothing}
      <bdi lang=${scriptLanguage(name) ?? nothing}>${name}</bdi>
      ${suffix ? html`<span class="you">${suffix}</span>` : nothing}
    </div>`;
  }
}

/** A picture that would lose somebody's face is shown whole. */
function fills({ rect, picture }: Extract<Placement, { kind: "person" }>): boolean {
  return picture.width === rect.width && picture.height === rect.height;
}

function place({ rect }: Placement, caption = 0): ReturnType<typeof styleMap> {
  return styleMap({
    transform: `translate(${rect.x}px, ${rect.y}px)`,
    width: `${rect.width}px`,
    height: `${rect.height}px`,
    "--disc": `${Math.round(Math.min(rect.width, rect.height, 420) * 0.42)}px`,
    "--caption": `${caption}px`,
  });
}
