import type { Clock } from '@qwenfleet/core/clock';
import { added, emptyHistogram, observe, quantileMs, type LatencyHistogram } from '@qwenfleet/core/load/histogram';

/** Rates are of the last half minute at least, and a whole one at most. */
const spanMs = 30_000;
/** A pool that has just begun is not measured over less. */
const overMsMin = 1_000;

type Span = { sinceMs: number; requests: number; tokens: number; firstByte: LatencyHistogram };

export type LedgerReport = {
  /** How long it has been kept. */
  overMs: number;
  requests: { total: number; failed: number };
  tokens: { prompt: number; completion: number };
  /** 95th percentile of the time from a request to the first byte of its answer; undefined when there was none. */
  firstByteMsP95: number | undefined;
  /** The same figures over the last minute or less. */
  lately: { requestsPerSecond: number; tokensPerSecond: number; firstByteMsP95: number | undefined };
};

/** What clients had of a pool since the router has it: answers, failures, tokens, and how long they waited. */
export class Ledger {
  readonly #clock: Clock;
  readonly #sinceMs: number;
  readonly #requests = { total: 0, failed: 0 };
  readonly #tokens = { prompt: 0, completion: 0 };
  readonly #firstByte = emptyHistogram();
  #last: Span;
  #before: Span;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
    this.#last = begun(this.#sinceMs);
    this.#before = begun(this.#sinceMs);
  }

  /** An answer is over. The pool failed it by the statuses that objectives count as such. */
  answered(status: number): void {
    this.#requests.total += 1;
    if (status === 429 || status >= 500) this.#requests.failed += 1;
    this.#now().requests += 1;
  }

  began(tookMs: number): void {
    observe(this.#firstByte, tookMs);
    observe(this.#now().firstByte, tookMs);
  }

  wrote(type: 'prompt' | 'completion', tokens: number): void {
    this.#tokens[type] += tokens;
    this.#now().tokens += tokens;
  }

  get report(): LedgerReport {
    const last = this.#now();
    const before = this.#before;
    const nowMs = this.#clock.nowMs();
    const perSecond = (count: number): number => (count * 1000) / Math.max(overMsMin, nowMs - before.sinceMs);
    return {
      overMs: nowMs - this.#sinceMs,
      requests: { ...this.#requests },
      tokens: { ...this.#tokens },
      firstByteMsP95: quantileMs(this.#firstByte, 0.95),
      lately: {
        requestsPerSecond: perSecond(last.requests + before.requests),
        tokensPerSecond: perSecond(last.tokens + before.tokens),
        firstByteMsP95: quantileMs(added(last.firstByte, before.firstByte), 0.95),
      },
    };
  }

  /** The span that is filled now. */
  #now(): Span {
    const nowMs = this.#clock.nowMs();
    const ageMs = nowMs - this.#last.sinceMs;
    if (ageMs >= 2 * spanMs) this.#before = begun(nowMs - spanMs);
    else if (ageMs >= spanMs) this.#before = this.#last;
    if (ageMs >= spanMs) this.#last = begun(nowMs);
    return this.#last;
  }
}

const begun = (sinceMs: number): Span => ({ sinceMs, requests: 0, tokens: 0, firstByte: emptyHistogram() });
