import type { Layout, Scene, Theme } from "../contract";
import type { Schema } from "./schema";

/** What the workshop's server knows of the folder (`orchestrator/cli/src/design/workshop.rs`). */
export interface State {
  readonly name: string;
  readonly folder: string | null;
  readonly has_page: boolean;
  /** Origin of the template. */
  readonly site: string;
  readonly theme_text: string | null;
  /** Null when the file holds no JSON. */
  readonly theme: Readonly<Record<string, unknown>> | null;
  readonly theme_fault: Trouble | null;
  readonly images: readonly string[];
  readonly videos: readonly string[];
  readonly schema: Schema;
  readonly defaults: Theme;
  readonly layouts: readonly Layout[];
  readonly missing_programs: readonly string[];
  readonly take_seconds: number;
}

/** What is wrong, and with which field of the theme, if it is one. */
export interface Trouble {
  readonly message: string;
  readonly field?: string | null;
  readonly line?: number | null;
}

export interface Contrast {
  readonly field: string;
  readonly against: string;
  readonly ratio: number;
  readonly needed: number;
}

export interface Draft {
  readonly theme: unknown;
  readonly layout: Layout;
  readonly scene: Scene;
  readonly size: Size;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Taken {
  readonly duration_s: number;
  readonly frames: number;
  readonly bytes: number;
  readonly usage: { readonly browser_cores: number; readonly encoder_cores: number } | null;
}

export interface Finding {
  readonly rule: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly at: string | null;
  readonly message: string;
  readonly scenes: readonly string[];
}

export interface Report {
  readonly ok: boolean;
  readonly scenes: readonly { readonly name: string; readonly size: string; readonly findings: number | null }[];
  readonly findings: readonly Finding[];
}

export type News =
  | { readonly type: "changed"; readonly files: readonly string[] }
  | { readonly type: "take"; readonly at: "starting" | "recording" | "finishing"; readonly seconds: number }
  | { readonly type: "check"; readonly done: number; readonly of: number };

/** What the server refuses, as a sentence. */
export class Refused extends Error {
  constructor(readonly trouble: Trouble) {
    super(trouble.message);
  }
}

const GONE = "The workshop’s server does not answer; start `wallflower design` again.";

async function ask(path: string, method = "GET", body?: unknown): Promise<Response> {
  const sent =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const answer = await fetch(path, { method, ...sent }).catch(() => {
    throw new Refused({ message: GONE });
  });
  if (answer.ok) return answer;
  const text = await answer.text();
  throw new Refused(readTrouble(text) ?? { message: text || `The server answered ${answer.status}.` });
}

function readTrouble(text: string): Trouble | null {
  try {
    return JSON.parse(text) as Trouble;
  } catch {
    return null;
  }
}

const json = async <T>(answer: Promise<Response>) => (await (await answer).json()) as T;

export const server = {
  state: () => json<State>(ask("/api/state")),
  resolve: (theme: unknown) => json<{ theme: Theme; contrasts: Contrast[] }>(ask("/api/theme", "POST", { theme })),
  save: (theme: unknown, seen: string | null) =>
    json<{ theme_text: string }>(ask("/api/theme", "PUT", { theme, seen })),
  picture: async (draft: Draft) => (await ask("/api/picture", "POST", draft)).blob(),
  take: (draft: Draft) => json<Taken>(ask("/api/take", "POST", draft)),
  check: () => json<Report>(ask("/api/check", "POST")),
};

/** Hears what happens, and whether the server is there. */
export function hear(listen: (news: News) => void, there: (connected: boolean) => void): void {
  const source = new EventSource("/api/news");
  source.onmessage = ({ data }: MessageEvent<string>) => listen(JSON.parse(data) as News);
  source.onopen = () => there(true);
  source.onerror = () => there(false);
}
