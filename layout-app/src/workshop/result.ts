import { html, nothing, type TemplateResult } from "lit";
import { icon } from "./icon";
import type { Finding, Report, Taken } from "./server";

/** What the designer has asked for last, and what has come of it. */
export type Result =
  | { readonly kind: "busy"; readonly title: string; readonly detail: string; readonly share: number | null }
  | { readonly kind: "picture"; readonly url: string; readonly name: string }
  | { readonly kind: "take"; readonly url: string; readonly name: string; readonly taken: Taken }
  | { readonly kind: "report"; readonly report: Report }
  | { readonly kind: "refused"; readonly title: string; readonly message: string };

/** Over the frame, until it is closed. */
export function resultCard(result: Result, close: () => void): TemplateResult {
  return html`<section class="result result--${result.kind}" role="dialog" aria-label=${titleOf(result)}>
    <header class="result__head">
      <h2>${titleOf(result)}</h2>
      ${
        result.kind === "picture" || result.kind === "take"
          ? html`<a class="plain" href=${result.url} download=${result.name}>${icon("download")} ${result.name}</a>`
          : nothing
      }
      ${
        result.kind === "busy"
          ? nothing
          : html`<button class="round" type="button" aria-label="Close" @click=${close}>${icon("close")}</button>`
      }
    </header>
    ${body(result)}
  </section>`;
}

function titleOf(result: Result): string {
  switch (result.kind) {
    case "busy":
    case "refused":
      return result.title;
    case "picture":
      return "Picture";
    case "take":
      return "Recording";
    case "report":
      return result.report.ok ? "Nothing is wrong" : `${result.report.findings.length} to mend`;
  }
}

function body(result: Result): TemplateResult {
  switch (result.kind) {
    case "busy":
      return html`<p class="hint">${result.detail}</p>
        <progress .value=${result.share ?? nothing} max="1"></progress>`;
    case "refused":
      return html`<p class="note note--bad">${result.message}</p>`;
    case "picture":
      return html`<img class="result__media" src=${result.url} alt="The frame as it was drawn" />`;
    case "take":
      return html`<video class="result__media" src=${result.url} controls autoplay loop muted playsinline></video>
        <p class="hint">${facts(result.taken)}</p>`;
    case "report":
      return report(result.report);
  }
}

function facts({ duration_s, frames, bytes, usage }: Taken): string {
  const size = `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  const cost = usage ? ` · the page took ${usage.browser_cores.toFixed(2)} of a core` : "";
  return `${duration_s.toFixed(1)} s · ${frames} frames · ${size}${cost}`;
}

function report({ scenes, findings }: Report): TemplateResult {
  return html`<ul class="scenes">
      ${scenes.map(
        ({ name, size, findings: count }) =>
          html`<li class="scene ${count === null ? "" : count === 0 ? "scene--good" : "scene--bad"}">
            <span>${name}</span><span class="hint">${size}</span>
            <strong>${count === null ? "–" : count === 0 ? "ok" : count}</strong>
          </li>`,
      )}
    </ul>
    <ul class="findings">
      ${findings.map(
        (finding) =>
          html`<li>
            <p><strong>${placeOf(finding)}</strong> ${finding.at ? html`<code>${finding.at}</code>` : nothing}</p>
            <p>${finding.message}</p>
            ${finding.scenes.length > 0 ? html`<p class="hint">${whereOf(finding, scenes.length)}</p>` : nothing}
          </li>`,
      )}
    </ul>`;
}

function whereOf({ scenes }: Finding, all: number): string {
  return scenes.length === all && all > 1 ? "in every scene" : `in ${scenes.join(", ")}`;
}

function placeOf({ file, line }: Finding): string {
  if (file === null) return "The page";
  return line === null ? file : `${file}:${line}`;
}

/** How a recording goes that the designer waits for. */
export function takeProgress(at: "starting" | "recording" | "finishing", seconds: number, of: number): Result {
  const detail = {
    starting: "Display, sound, browser and encoder start",
    recording: `${seconds.toFixed(1)} of ${of} s`,
    finishing: "The file is finished",
  };
  return {
    kind: "busy",
    title: "Recording",
    detail: detail[at],
    share: at === "starting" ? null : Math.min(seconds / of, 1),
  };
}
