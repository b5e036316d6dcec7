/** An engine that decodes says something every few milliseconds, and one that prefills is better left alone, too. */
export const silentMsMax = 2_000;

/** How long a replica has said nothing while streams wait for their next bytes: an engine may hang while its health is well. */
export class Silence {
  #waiting = 0;
  #sinceMs = 0;

  /** A stream was asked for, or for more of it: one whose client does not read waits for nothing. */
  asked(nowMs: number): void {
    if (this.#waiting === 0) this.#sinceMs = nowMs;
    this.#waiting += 1;
  }

  /** Bytes came, of any stream. */
  heard(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  /** What was asked for has come, or will not. */
  settled(): void {
    this.#waiting -= 1;
  }

  tooLong(nowMs: number): boolean {
    return this.#waiting > 0 && nowMs - this.#sinceMs > silentMsMax;
  }
}
