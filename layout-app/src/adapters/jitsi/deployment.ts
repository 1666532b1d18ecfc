import { noScript } from "./failure";
import type { JitsiConfig, JitsiLib, JitsiScope } from "./lib";
import { fileOf } from "./options";

/** A deployment's own configuration and library. */
export interface Deployment {
  readonly lib: JitsiLib;
  readonly config: JitsiConfig;
}

/** How long a script may take to come. */
const SCRIPT_DEADLINE_MS = 12_000;

/**
 * Loads what a deployment's own web client consists of, into this page: like any script of another origin it sees what the page sees.
 * By script elements, because nothing else may be read across origins without the deployment's leave.
 */
export async function loadDeployment(url: string): Promise<Deployment> {
  const scope = window as unknown as JitsiScope;
  await Promise.all([loadScript(url, "config.js"), loadScript(url, "libs/lib-jitsi-meet.min.js")]);
  const { JitsiMeetJS: lib, config } = scope;
  if (typeof config !== "object") throw noScript(url, "config.js");
  if (typeof lib?.init !== "function") throw noScript(url, "libs/lib-jitsi-meet.min.js");
  // It tells everything; what goes wrong is enough, and nothing of that holds a login.
  if (lib.logLevels?.["ERROR"] !== undefined) lib.setLogLevel(lib.logLevels["ERROR"]);
  await lib.init({
    ...config,
    disableAudioLevels: false,
    disableThirdPartyRequests: true,
    enableAnalyticsLogging: false,
    enableWindowOnErrorHandler: false,
  });
  return { lib, config };
}

function loadScript(url: string, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const giveUp = setTimeout(() => reject(noScript(url, file)), SCRIPT_DEADLINE_MS);
    script.onload = () => {
      clearTimeout(giveUp);
      resolve();
    };
    script.onerror = () => {
      clearTimeout(giveUp);
      reject(noScript(url, file));
    };
    script.src = fileOf(url, file);
    script.referrerPolicy = "no-referrer";
    document.head.append(script);
  });
}
