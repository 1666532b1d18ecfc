import { CONTRACT } from "./config";
import type { CastConfig } from "./generated/CastConfig";

export type { CastAction } from "./generated/CastAction";
export type { CastConfig } from "./generated/CastConfig";
export type { CastCue } from "./generated/CastCue";
export type { CastMember } from "./generated/CastMember";
export type { CastScript } from "./generated/CastScript";
export type { CastSide } from "./generated/CastSide";
export type { CastSpeech } from "./generated/CastSpeech";

/** Where whoever starts the cast leaves its configuration (`wire::cast::CAST_GLOBAL`). */
export interface CastScope {
  __wallflowerCast?: unknown;
}

declare global {
  interface Window {
    __wallflowerCast?: unknown;
  }
}

export type TakenCast = { ok: true; config: CastConfig } | { ok: false; message: string };

/** Reads the configuration and deletes it from the page: it holds tokens that no later script needs to see. */
export function takeCast(scope: CastScope): TakenCast {
  const injected = scope.__wallflowerCast;
  if (injected === undefined) {
    return {
      ok: false,
      message: "This page is opened by Wallflower itself; open cast.html?preview to look at the faces.",
    };
  }
  delete scope.__wallflowerCast;

  const config = injected as CastConfig;
  if (config.contract !== CONTRACT) {
    return {
      ok: false,
      message: `The page speaks version ${CONTRACT} of the page contract and whoever opened it version ${String(config.contract)}; install both from the same release.`,
    };
  }
  if (config.target.kind === "livekit" && config.target.tokens.length !== config.members.length) {
    return {
      ok: false,
      message: `The cast has ${config.members.length} members and ${config.target.tokens.length} tokens; every member needs one.`,
    };
  }
  return { ok: true, config };
}
