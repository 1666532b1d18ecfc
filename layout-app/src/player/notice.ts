import { html, nothing, type TemplateResult } from "lit";
import type { SharedPhase } from "../contract/generated/SharedPhase";
import { icon, type IconName } from "./icon";
import type { Trouble } from "./link";

interface Words {
  symbol: IconName;
  headline: string;
  said: string;
}

const TROUBLES: Readonly<Record<Trouble, Words>> = {
  expired: {
    symbol: "hourglass",
    headline: "This link has expired",
    said: "Links to recordings hold for a limited time. Ask whoever sent it to you for a new one.",
  },
  revoked: {
    symbol: "unlinked",
    headline: "This link does not work any more",
    said: "It was taken back, or the recording was deleted. Ask whoever sent it to you.",
  },
  unknown: {
    symbol: "unlinked",
    headline: "This link leads nowhere",
    said: "Perhaps a part of it was lost on the way. Check that it is whole, or ask for it to be sent again.",
  },
  away: {
    symbol: "hourglass",
    headline: "The recording can’t be reached",
    said: "The server does not answer. This page tries again by itself.",
  },
};

const PHASES: Readonly<Record<Exclude<SharedPhase, "ready">, Words>> = {
  waiting: {
    symbol: "hourglass",
    headline: "It has not begun yet",
    said: "The recording will be here when it is finished. You can leave this page open.",
  },
  recording: {
    symbol: "hourglass",
    headline: "It is being recorded right now",
    said: "The recording will be here when it is finished. You can leave this page open.",
  },
  finishing: {
    symbol: "hourglass",
    headline: "Almost there",
    said: "The recording has ended, and its files are being made. This page shows them as soon as they are ready.",
  },
  nothing: {
    symbol: "nothing",
    headline: "There is nothing to see",
    said: "The recording ended before there was anything to keep, or its files are not here any more.",
  },
};

/** In place of a recording that can't be shown. */
export function troubled(trouble: Trouble): TemplateResult {
  return notice(TROUBLES[trouble], null, trouble === "away");
}

/** In place of a recording that is not finished. */
export function unfinished(phase: Exclude<SharedPhase, "ready">, title: string): TemplateResult {
  return notice(PHASES[phase], title, phase !== "nothing");
}

/** In place of a picture that this browser can't show. */
export const UNPLAYABLE: Words = {
  symbol: "nothing",
  headline: "This browser can’t play it",
  said: "Try another browser, or download it if that is offered below.",
};

export function notice({ symbol, headline, said }: Words, title: string | null, waits: boolean): TemplateResult {
  return html`<main class="notice" role=${waits ? "status" : "alert"}>
    <div class=${waits ? "notice__symbol notice__symbol--waits" : "notice__symbol"}>${icon(symbol)}</div>
    ${title === null ? nothing : html`<p class="notice__title" dir="auto">${title}</p>`}
    <h1>${headline}</h1>
    <p>${said}</p>
  </main>`;
}
