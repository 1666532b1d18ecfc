import type { SharedRecording } from "../contract/generated/SharedRecording";
import { parseVtt, type Cue } from "./vtt";

/** What came of asking for what is behind the link. */
export type Asked = { recording: SharedRecording } | { trouble: Trouble };

/** Why there is nothing to see. */
export type Trouble = "unknown" | "expired" | "revoked" | "away";

const DEADLINE_MS = 20_000;

/** The link that this page was opened by. Its address is what everything of the recording begins with. */
export class Link {
  readonly #base: string;

  constructor(pathname: string) {
    this.#base = pathname.replace(/\/+$/, "");
  }

  /** Address of something whose path the server has told. */
  url(path: string): string {
    return `${this.#base}/${path}`;
  }

  async recording(): Promise<Asked> {
    try {
      const answer = await get(this.url("recording"));
      if (answer.ok) return { recording: (await answer.json()) as SharedRecording };
      const problem = (await answer.json().catch(() => ({}))) as { type?: string };
      return { trouble: troubleOf(answer.status, problem.type ?? "") };
    } catch {
      return { trouble: "away" };
    }
  }

  /** Cues of a file; none when it can't be had. */
  async cues(path: string | null): Promise<Cue[]> {
    if (path === null) return [];
    try {
      const answer = await get(this.url(path));
      return answer.ok ? parseVtt(await answer.text()) : [];
    } catch {
      return [];
    }
  }
}

export function troubleOf(status: number, type: string): Trouble {
  if (status === 410) return type.endsWith("link-revoked") ? "revoked" : "expired";
  return status === 404 ? "unknown" : "away";
}

function get(url: string): Promise<Response> {
  return fetch(url, { headers: { accept: "application/json, text/vtt" }, signal: AbortSignal.timeout(DEADLINE_MS) });
}
