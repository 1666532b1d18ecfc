/** So often the key has to fail with what somebody sends; the SDK tells of it once a second for each track. */
const FAILURES = 3;

const ADVICE = 'check --e2ee-key-file or LIVEKIT_E2EE_KEY, or "e2ee_key" of the request';

/** Whose media can't be opened, and why: a sentence that says what to do. */
export class Seal {
  readonly #failures = new Map<string, number>();

  constructor(private readonly hasKey: boolean) {}

  /** Something that somebody sends could not be opened. `message` is the SDK's. */
  failed(identity: string, message: string): void {
    if (/^(InvalidKey|MissingKey)\b/.test(message)) this.#failures.set(identity, this.#count(identity) + 1);
  }

  /** They are gone; whoever comes again may have another key. */
  forget(identity: string): void {
    this.#failures.delete(identity);
  }

  /** The key has failed, but not so often that it is known to be another one. */
  doubts(identity: string): boolean {
    return this.hasKey && this.#count(identity) > 0 && this.#count(identity) < FAILURES;
  }

  /** Why nothing is seen or heard of them; null for those who are, as far as it is known. */
  reason(identity: string, name: string, isEncrypted: boolean): string | null {
    if (!isEncrypted) return null;
    const who = name === "" ? identity : name;
    if (!this.hasKey) {
      return `${who} sends what is encrypted from end to end, and no key was given that would open it: ${ADVICE}.`;
    }
    if (this.#count(identity) < FAILURES) return null;
    return `What ${who} sends is encrypted by another key than the one that was given: ${ADVICE}.`;
  }

  #count(identity: string): number {
    return this.#failures.get(identity) ?? 0;
  }
}
