import type { Quota } from '@qwenfleet/core/fleet/client-key';
import { FleetError } from '@qwenfleet/core/errors';
import { MinuteWindow } from './minute-window.ts';

/** Nobody knows when the answer of another request ends. */
const concurrencyRetryMs = 1_000;

/** What one client has used. Requests are counted as they come, tokens as they are delivered. */
export class ClientMeter {
  readonly #requests = new MinuteWindow();
  readonly #tokens = new MinuteWindow();
  #running = 0;
  #reserved = 0;

  /**
   * Lets a request in and counts it. Until it ends, the tokens that it may become are kept for it, so that what runs at
   * the same time does not take more together than each was let in for.
   * Throws `rate_limited`, and then nothing is counted.
   * @param tokens what it may become: its prompt, and as much as it asks for.
   */
  admit(quota: Quota, tokens: number, nowMs: number): Charge {
    this.#check(quota, tokens, nowMs);
    this.#requests.add(1, nowMs);
    this.#running += 1;
    this.#reserved += tokens;
    let reserved = tokens;
    let isOver = false;
    const release = (most: number): void => {
      const released = Math.min(reserved, most);
      reserved -= released;
      this.#reserved -= released;
    };
    return {
      deliver: (delivered, atMs) => {
        if (isOver) return;
        this.#tokens.add(delivered, atMs);
        release(delivered);
      },
      end: () => {
        if (isOver) return;
        isOver = true;
        this.#running -= 1;
        release(Infinity);
      },
    };
  }

  /** OpenAI's headers, for what the quota bounds. */
  headers({ requestsPerMinute, tokensPerMinute }: Quota, nowMs: number): Record<string, string> {
    return {
      ...limitHeaders('requests', requestsPerMinute, this.#requests, 0, nowMs),
      ...limitHeaders('tokens', tokensPerMinute, this.#tokens, this.#reserved, nowMs),
    };
  }

  #check(quota: Quota, tokens: number, nowMs: number): void {
    const { requestsPerMinute = Infinity, tokensPerMinute = Infinity, concurrency = Infinity } = quota;
    if (tokens > tokensPerMinute)
      throw new FleetError(
        'rate_limited',
        `The request may become ${tokens} tokens, and this key has ${tokensPerMinute} a minute. Send a shorter prompt, or ask for fewer with max_tokens.`,
        { retryable: false },
      );
    if (this.#running >= concurrency)
      throw limited(`${concurrency} requests at the same time, and as many are running`, concurrencyRetryMs);
    if (this.#requests.used(nowMs) + 1 > requestsPerMinute)
      throw limited(
        `${requestsPerMinute} requests a minute, and they are used`,
        this.#requests.freeAfterMs(requestsPerMinute - 1, nowMs),
      );
    const used = this.#tokens.used(nowMs) + this.#reserved;
    if (used + tokens > tokensPerMinute)
      throw limited(
        `${tokensPerMinute} tokens a minute, of which ${used} are used or kept for what runs, and this request may become ${tokens}`,
        Math.max(concurrencyRetryMs, this.#tokens.freeAfterMs(tokensPerMinute - this.#reserved - tokens, nowMs)),
      );
  }
}

/** One request that was let in. After its end nothing of it is counted any more. */
export type Charge = {
  deliver: (tokens: number, nowMs: number) => void;
  /** May be called again. */
  end: () => void;
};

const limited = (what: string, retryAfterMs: number): FleetError =>
  new FleetError('rate_limited', `This key has ${what}. Try again in ${duration(retryAfterMs)}.`, { retryAfterMs });

function limitHeaders(
  what: string,
  limit: number | undefined,
  window: MinuteWindow,
  reserved: number,
  nowMs: number,
): Record<string, string> {
  if (limit === undefined) return {};
  return {
    [`x-ratelimit-limit-${what}`]: String(limit),
    [`x-ratelimit-remaining-${what}`]: String(Math.max(0, limit - window.used(nowMs) - reserved)),
    [`x-ratelimit-reset-${what}`]: duration(window.freeAfterMs(0, nowMs)),
  };
}

/** As OpenAI writes it: 17ms, 8.64s, 1m0.5s. */
export function duration(ms: number): string {
  const whole = Math.ceil(ms);
  if (whole < 1_000) return `${whole}ms`;
  const minutes = Math.floor(whole / 60_000);
  return `${minutes > 0 ? `${minutes}m` : ''}${(whole % 60_000) / 1_000}s`;
}
