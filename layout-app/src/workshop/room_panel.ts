import { html, type TemplateResult } from "lit";
import type { SceneNames } from "../contract";
import { nameOf } from "../scene/people";
import { icon } from "./icon";
import type { Simulation } from "./simulation";

export const MOST_PEOPLE = 49;

export interface RoomActions {
  change(simulation: Simulation): void;
  moment(moment: "chat" | "reaction"): void;
}

const NAMES: readonly [SceneNames, string][] = [
  ["plain", "Usual"],
  ["long", "Long"],
  ["rtl", "Right to left"],
  ["emoji", "Emoji"],
  ["hard", "Hostile"],
];

/** Rooms that break templates, a click away. */
const PRESETS: readonly [string, Partial<Simulation>][] = [
  ["Alone", { people: 1, off: 0, sharing: false }],
  ["Interview", { people: 2, off: 0, sharing: false }],
  ["Team", { people: 9, off: 2, sharing: false }],
  ["Webinar", { people: 5, sharing: true, chat: true, reactions: true, hands: 1 }],
  ["Crowd", { people: 49, off: 12, sharing: false }],
];

/** Who is in the simulated room, and what they do. */
export function roomPanel(simulation: Simulation, actions: RoomActions): TemplateResult {
  const set = (change: Partial<Simulation>) => {
    const next = { ...simulation, ...change };
    const people = Math.min(Math.max(next.people, 0), MOST_PEOPLE);
    const within = (value: number) => Math.min(value, people);
    actions.change({ ...next, people, off: within(next.off), hands: within(next.hands) });
  };
  const {
    people,
    names,
    speaker,
    off,
    phones,
    muted,
    hands,
    sharing,
    chat,
    reactions,
    captions,
    network,
    restless,
    intro,
    sound,
  } = simulation;
  return html`<aside class="panel panel--room" aria-label="The simulated room">
    <h2>Room</h2>
    <div class="chips">
      ${PRESETS.map(
        ([name, preset]) => html`<button class="chip" type="button" @click=${() => set(preset)}>${name}</button>`,
      )}
    </div>
    ${range("People", people, 0, MOST_PEOPLE, (value) => set({ people: value }))}
    ${range("Cameras off", off, 0, people, (value) => set({ off: value }))}
    ${range("Raised hands", hands, 0, Math.min(people, 9), (value) => set({ hands: value }))}
    ${choice(
      "Speaks",
      speaker === null ? "" : String(speaker),
      [
        ["", "Nobody"],
        ...Array.from({ length: people }, (_, at): [string, string] => [String(at), shortName(names, at)]),
      ],
      (value) => set({ speaker: value === "" ? null : Number(value) }),
    )}
    ${choice("Names", names, NAMES, (value) => set({ names: value as SceneNames }))}
    ${choice(
      "Microphones",
      muted,
      [
        ["nobody", "All on"],
        ["some", "Some muted"],
        ["everybody", "All muted"],
      ],
      (value) => set({ muted: value as Simulation["muted"] }),
    )}
    ${choice(
      "Network",
      network,
      [
        ["good", "Good"],
        ["somebody", "Somebody’s is lost"],
        ["recorder", "The recorder’s is lost"],
      ],
      (value) => set({ network: value as Simulation["network"] }),
    )}
    <h3>What happens</h3>
    ${toggle("Screen share", sharing, (on) => set({ sharing: on }))} ${toggle("Chat", chat, (on) => set({ chat: on }))}
    ${toggle("Reactions", reactions, (on) => set({ reactions: on }))}
    ${toggle("Captions", captions, (on) => set({ captions: on }), "Shown where the theme shows captions")}
    ${toggle("Phones held upright", phones, (on) => set({ phones: on }))}
    ${toggle("Speakers change, people come and go", restless, (on) => set({ restless: on }))}
    ${toggle("Voices can be heard", sound, (on) => set({ sound: on }), "Whoever speaks babbles; nothing is said")}
    ${toggle("Begin with the intro", intro, (on) => set({ intro: on }), "As a recording does, if the theme has one")}
    <div class="pair">
      <button class="plain" type="button" @click=${() => actions.moment("chat")}>${icon("chat")} Say a line</button>
      <button class="plain" type="button" @click=${() => actions.moment("reaction")}>${icon("smile")} React</button>
    </div>
  </aside>`;
}

function shortName(names: SceneNames, at: number): string {
  const name = nameOf(names, at).replace(/\p{C}/gu, "").trim() || "(no name)";
  const short = [...name].slice(0, 22).join("");
  return `${at + 1} · ${short}`;
}

export function range(
  label: string,
  value: number,
  min: number,
  max: number,
  change: (value: number) => void,
): TemplateResult {
  const read = (event: Event) => change((event.target as HTMLInputElement).valueAsNumber);
  return html`<label class="field field--range">
    <span class="field__label">${label}</span>
    <output>${value}</output>
    <input type="range" .min=${String(min)} .max=${String(Math.max(max, min))} .value=${String(value)} @input=${read} />
  </label>`;
}

export function choice(
  label: string,
  value: string,
  options: readonly (readonly [string, string])[],
  change: (value: string) => void,
): TemplateResult {
  return html`<label class="field field--row field--select">
    <span class="field__label">${label}</span>
    <select @change=${(event: Event) => change((event.target as HTMLSelectElement).value)}>
      ${options.map(([key, shown]) => html`<option value=${key} ?selected=${key === value}>${shown}</option>`)}
    </select>
  </label>`;
}

export function toggle(label: string, on: boolean, change: (on: boolean) => void, hint = ""): TemplateResult {
  return html`<label class="field field--row" title=${hint}>
    <span class="field__label">${label}</span>
    <input
      class="switch"
      type="checkbox"
      role="switch"
      .checked=${on}
      @change=${(event: Event) => change((event.target as HTMLInputElement).checked)}
    />
  </label>`;
}
