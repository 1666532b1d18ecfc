import { LIGHT_COLORS, DEFAULT_THEME } from "../theme/default";
import type { Fault } from "./generated/Fault";
import type { Layout } from "./generated/Layout";
import type { Look } from "./generated/Look";
import type { PageConfig } from "./generated/PageConfig";
import type { Theme } from "./generated/Theme";

/** Version of the contract this page speaks; `wire::page::CONTRACT` is the agent's side. */
export const CONTRACT = 1;

/** `Layout::ALL` of the agent's side; a test compares the two. */
export const LAYOUTS: readonly Layout[] = [
  "grid",
  "speaker",
  "single-speaker",
  "screen",
  "interview",
  "podcast",
  "pip",
];

/** What of a look is as nobody has changed it. */
export const NOTHING_CHANGED: Omit<Look, "layout" | "theme"> = {
  spotlight: null,
  hidden: [],
  only: [],
  volume: {},
  lower_third: null,
  banner: null,
};

/** Where the agent leaves the configuration. */
export interface ConfigScope {
  __wallflower?: unknown;
}

export type TakenConfig =
  /** `origin` is where the configuration came from: `query` is the LiveKit Egress template contract. */
  | { ok: true; config: PageConfig; origin: "agent" | "query" }
  | { ok: false; fault: Fault; message: string; origin: "agent" | "query" };

/** Reads the configuration and deletes it from the page: it holds a token that no later script needs to see. */
export function takeConfig(
  scope: ConfigScope,
  search: string,
  viewport: { width: number; height: number },
): TakenConfig {
  const injected = scope.__wallflower;
  if (injected === undefined) return fromQuery(new URLSearchParams(search), viewport);
  delete scope.__wallflower;

  const config = injected as PageConfig;
  if (config.contract !== CONTRACT) {
    return {
      ok: false,
      origin: "agent",
      fault: "platform",
      message: `The page speaks version ${CONTRACT} of the page contract and the agent version ${String(config.contract)}; install both from the same release.`,
    };
  }
  if (config.room === null) {
    return {
      ok: false,
      origin: "agent",
      fault: "request",
      message:
        "Wallflower's own page was told of no room to show; name a LiveKit or demo room, or record another page.",
    };
  }
  return { ok: true, origin: "agent", config: { ...NOTHING_CHANGED, ...config } };
}

function fromQuery(query: URLSearchParams, viewport: { width: number; height: number }): TakenConfig {
  const url = query.get("url");
  const token = query.get("token");
  if (!url || !token) {
    return {
      ok: false,
      origin: "query",
      fault: "request",
      message:
        "This page is opened by Wallflower's agent, or as a LiveKit Egress template with ?layout=…&url=…&token=….",
    };
  }
  const { layout, theme } = namedLook(query.get("layout") ?? "grid");
  return {
    ok: true,
    origin: "query",
    config: {
      contract: CONTRACT,
      recording: "",
      room: { kind: "livekit", url, token, e2ee_key: null },
      ...NOTHING_CHANGED,
      layout,
      theme,
      size: viewport,
      fps: 30,
    },
  };
}

/** Egress names a look as `speaker`, `speaker-light` or `speaker-dark`. A name of somebody else's layout shows the grid. */
function namedLook(name: string): { layout: Layout; theme: Theme } {
  const bare = name.replace(/-(light|dark)$/, "");
  const layout = LAYOUTS.find((known) => known === bare) ?? "grid";
  const theme = name.endsWith("-light") ? { ...DEFAULT_THEME, colors: LIGHT_COLORS } : DEFAULT_THEME;
  return { layout, theme };
}
