import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { icon } from "./icon";
import { range, toggle } from "./room_panel";
import type { Field, Path } from "./schema";
import { valueAt } from "./schema";
import type { Contrast, Trouble } from "./server";

/** What the editor shows. */
export interface Editing {
  readonly fields: readonly Field[];
  /** As in the file: what it does not name is as always. */
  readonly theme: unknown;
  /** As the page gets it. */
  readonly resolved: unknown;
  readonly files: Readonly<Record<"image" | "video", readonly string[]>>;
  readonly contrasts: readonly Contrast[];
  readonly trouble: Trouble | null;
  readonly changed: boolean;
  readonly folder: boolean;
  readonly copied: boolean;
}

export interface ThemeActions {
  set(path: Path, value: unknown): void;
  save(): void;
  copy(): void;
  reset(): void;
}

const FONTS = [
  'Inter, "Noto Sans", sans-serif',
  '"Noto Sans", sans-serif',
  '"Noto Serif", serif',
  "Georgia, serif",
  "ui-rounded, sans-serif",
  "monospace",
];

/** The theme's values, by its schema. */
export function themePanel(editing: Editing, actions: ThemeActions): TemplateResult {
  const { fields, changed, folder, copied, trouble } = editing;
  const isGroup = ({ kind }: Field) => kind === "group" || kind === "variant";
  const [plain, groups] = [fields.filter((field) => !isGroup(field)), fields.filter(isGroup)];
  return html`<aside class="panel panel--theme" aria-label="The theme">
    <header class="panel__head">
      <h2>Theme</h2>
      ${changed ? html`<span class="tag">not saved</span>` : nothing}
    </header>
    ${
      trouble
        ? html`<p class="note note--bad" role="alert">
            ${trouble.field ? html`<strong>${trouble.field}</strong> ` : nothing}${trouble.message}
          </p>`
        : nothing
    }
    ${plain.map((field) => one(field, editing, actions))} ${groups.map((field) => one(field, editing, actions))}
    <datalist id="fonts">${FONTS.map((font) => html`<option value=${font}></option>`)}</datalist>
    <footer class="panel__foot">
      <button
        class="primary primary--small"
        type="button"
        ?disabled=${!folder || !changed || trouble !== null}
        title=${folder ? "Write theme.json into the folder" : "Open the workshop by `wallflower design DIR` to save"}
        @click=${actions.save}
      >
        ${icon("save")} Save
      </button>
      <button class="plain" type="button" @click=${actions.copy}>
        ${icon("copy")} ${copied ? "Copied" : "Copy JSON"}
      </button>
      <button class="plain" type="button" ?disabled=${!changed} title="Back to what is saved" @click=${actions.reset}>
        ${icon("undo")}<span class="sr">Undo all changes</span>
      </button>
    </footer>
  </aside>`;
}

function one(field: Field, editing: Editing, actions: ThemeActions): TemplateResult {
  const { path, label, hint, nullable } = field;
  const own = valueAt(editing.theme, path);
  // What is not written is as it comes to: a light base has other colours.
  const value = own ?? valueAt(editing.resolved, path);
  const set = (next: unknown) => actions.set(path, next);
  const text = typeof value === "string" ? value : "";
  switch (field.kind) {
    case "group":
      return group(field, editing, actions, value);
    case "color":
      return color(field, text, editing.contrasts, set);
    case "file":
      return file(field, text, editing.files[field.of], set);
    case "variant":
      return variant(field, editing, actions, value);
    case "switch":
      return toggle(label, value === true, set, hint);
    case "number": {
      const number = typeof value === "number" ? value : null;
      if (!nullable) return range(label, number ?? field.min, field.min, field.max, set);
      const middle = Math.round((field.min + field.max) / 4);
      return html`${toggle(label, number !== null, (on) => set(on ? middle : null), hint)}
      ${number === null ? nothing : range("", number, field.min, field.max, set)}`;
    }
    case "choice":
      return html`<label class="field field--row field--select" title=${hint}>
        <span class="field__label">${label}</span>
        <select @change=${(event: Event) => set((event.target as HTMLSelectElement).value || null)}>
          ${nullable ? html`<option value="" ?selected=${text === ""}>—</option>` : nothing}
          ${field.options.map((each) => html`<option value=${each} ?selected=${each === text}>${each}</option>`)}
        </select>
      </label>`;
    case "text":
      return html`<label class="field" title=${hint}>
        <span class="field__label">${label}</span>
        <input
          type="text"
          spellcheck="false"
          list=${path.at(-1) === "font_family" ? "fonts" : nothing}
          placeholder=${nullable ? "none" : ""}
          .value=${live(text)}
          @input=${(event: Event) => {
            const written = (event.target as HTMLInputElement).value;
            set(nullable && written === "" ? null : written);
          }}
        />
      </label>`;
    case "json":
      return json(label, hint, value, set);
  }
}

function group(
  field: Field & { kind: "group" },
  editing: Editing,
  actions: ThemeActions,
  value: unknown,
): TemplateResult {
  const { path, label, hint, nullable, fields, start } = field;
  const on = value !== null && value !== undefined;
  const body = html`<div class="group__body">${fields.map((each) => one(each, editing, actions))}</div>`;
  if (path.length === 1 && !nullable) {
    return html`<details class="group" open>
      <summary>${label}</summary>
      ${body}
    </details>`;
  }
  return html`<div class="group group--optional">
    ${
      nullable
        ? toggle(label, on, (wanted) => actions.set(path, wanted ? begin(fields, start, editing) : null), hint)
        : html`<h4 class="field__label">${label}</h4>`
    }
    ${on ? body : nothing}
  </div>`;
}

/** What a part begins with that is switched on: its first file is there to be seen. */
function begin(fields: readonly Field[], start: Readonly<Record<string, unknown>>, { files }: Editing): unknown {
  const named = fields.flatMap((field) => {
    const key = field.path.at(-1);
    const first = field.kind === "file" ? files[field.of][0] : undefined;
    return key !== undefined && first !== undefined && start[key] === "" ? [[key, first] as const] : [];
  });
  return { ...start, ...Object.fromEntries(named) };
}

function variant(
  { path, label, hint, options }: Field & { kind: "variant" },
  editing: Editing,
  actions: ThemeActions,
  value: unknown,
): TemplateResult {
  const chosen = options.find(({ key }) => valueAt(value, [key]) !== undefined);
  const choose = (event: Event) => {
    const wanted = options.find(({ key }) => key === (event.target as HTMLSelectElement).value);
    actions.set(path, wanted ? { [wanted.key]: begin(wanted.fields, wanted.start, editing) } : null);
  };
  return html`<div class="group group--optional">
    <label class="field field--row field--select" title=${hint}>
      <span class="field__label">${label}</span>
      <select @change=${choose}>
        <option value="" ?selected=${!chosen}>none</option>
        ${options.map(({ key }) => html`<option value=${key} ?selected=${key === chosen?.key}>${key}</option>`)}
      </select>
    </label>
    ${chosen ? html`<div class="group__body">${chosen.fields.map((each) => one(each, editing, actions))}</div>` : nothing}
  </div>`;
}

function color(
  { path, label, hint, nullable }: Field,
  value: string,
  contrasts: readonly Contrast[],
  set: (value: unknown) => void,
): TemplateResult {
  const of = contrasts.filter(({ field }) => field === path.join("."));
  const worst = [...of].sort((one, other) => one.ratio / one.needed - other.ratio / other.needed)[0];
  const bad = worst !== undefined && worst.ratio < worst.needed;
  const ratio = worst ? (Math.floor(worst.ratio * 10) / 10).toFixed(1) : "";
  return html`<div class="field field--color" title=${hint}>
    <input
      type="color"
      aria-label=${label}
      .value=${live(hexOf(value))}
      @input=${(event: Event) => set((event.target as HTMLInputElement).value)}
    />
    <label class="field__label">
      <span>${label}</span>
      <input
        type="text"
        spellcheck="false"
        aria-label="${label}, as written in CSS"
        .value=${live(value)}
        @change=${(event: Event) => {
          const written = (event.target as HTMLInputElement).value.trim();
          set(nullable && written === "" ? null : written);
        }}
      />
    </label>
    ${
      worst
        ? html`<span
            class="ratio ${bad ? "ratio--bad" : ""}"
            title="On ${worst.against}: ${ratio} to 1; it takes ${worst.needed}"
            >${ratio}${bad ? icon("warning") : nothing}</span
          >`
        : nothing
    }
  </div>`;
}

/** A colour picker knows nothing but six digits. */
function hexOf(value: string): string {
  if (/^#[0-9a-f]{6}$/i.test(value)) return value;
  const context = document.createElement("canvas").getContext("2d");
  if (!context || !CSS.supports("color", value)) return "#000000";
  context.fillStyle = value;
  return context.fillStyle.startsWith("#") ? context.fillStyle : "#000000";
}

function file(
  { label, hint, of }: Field & { kind: "file" },
  value: string,
  there: readonly string[],
  set: (value: unknown) => void,
): TemplateResult {
  const known = value === "" || there.includes(value) ? there : [value, ...there];
  const kinds = of === "image" ? "a PNG, SVG, JPEG or WebP" : "an MP4 or WebM";
  return html`<label class="field field--row ${known.length > 0 ? "field--select" : "field--told"}" title=${hint}>
    <span class="field__label">${label}</span>
    ${
      known.length === 0
        ? html`<span class="hint">Put ${kinds} into the folder; it appears here.</span>`
        : html`<select @change=${(event: Event) => set((event.target as HTMLSelectElement).value)}>
            ${value === "" ? html`<option value="" selected>choose…</option>` : nothing}
            ${known.map((each) => html`<option value=${each} ?selected=${each === value}>${each}</option>`)}
          </select>`
    }
  </label>`;
}

/** For what no other field fits. */
function json(label: string, hint: string, value: unknown, set: (value: unknown) => void): TemplateResult {
  const read = (event: Event) => {
    const area = event.target as HTMLTextAreaElement;
    try {
      set(area.value.trim() === "" ? null : JSON.parse(area.value));
      area.setCustomValidity("");
    } catch {
      area.setCustomValidity("This is no JSON yet.");
      area.reportValidity();
    }
  };
  return html`<label class="field" title=${hint}>
    <span class="field__label">${label} <span class="hint">JSON</span></span>
    <textarea
      spellcheck="false"
      rows="3"
      .value=${live(JSON.stringify(value ?? null, null, 1))}
      @change=${read}
    ></textarea>
  </label>`;
}
