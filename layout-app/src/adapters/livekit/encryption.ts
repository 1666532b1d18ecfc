import { ExternalE2EEKeyProvider, type E2EEOptions } from "livekit-client";
// In the bundle, as text: a worker must come from the page's own origin, wherever the script that starts it is from.
import Opener from "livekit-client/e2ee-worker?worker&inline";

/** What a client needs in a room that is encrypted from end to end by a key that all share; `end` stops what opens the frames. */
export interface SharedKey {
  readonly options: E2EEOptions;
  end(): void;
}

export async function sharedKey(key: string): Promise<SharedKey> {
  const keyProvider = new ExternalE2EEKeyProvider();
  await keyProvider.setKey(key);
  const worker = new Opener();
  return { options: { keyProvider, worker }, end: () => worker.terminate() };
}
