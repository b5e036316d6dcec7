import type { Environment } from '../environment.ts';
import { Delays } from './delays.ts';
import { RetryDelays, type RetryOptions } from './retry-delay.ts';

type Taker = (key: string | undefined) => void;

/**
 * Keys to work on, with client-go's contract: a key waits once however often it is added; it is never with two workers
 * at once; added while a worker has it, it waits again when that worker is done. It holds at most one entry for each
 * key, so the number of objects bounds it.
 *
 *     for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
 *       await work(key).finally(() => queue.done(key));
 *     }
 */
export class WorkQueue {
  readonly name: string;
  readonly #environment: Environment;
  readonly #retries: RetryDelays;
  readonly #delays: Delays;
  /** Since when a key waits, in the order they came. */
  readonly #waiting = new Map<string, number>();
  /** Since when a worker has it. */
  readonly #processing = new Map<string, number>();
  /** Added while a worker has it, and since when. */
  readonly #again = new Map<string, number>();
  readonly #takers = new Set<Taker>();
  readonly #idle = new Set<() => void>();
  #shut = false;

  constructor(name: string, environment: Environment, retries: RetryOptions = {}) {
    this.name = name;
    this.#environment = environment;
    this.#retries = new RetryDelays(environment.clock, retries);
    this.#delays = new Delays(environment.clock, (key) => this.add(key));
  }

  /** Keys that wait for a worker, delayed ones left out. */
  get length(): number {
    return this.#waiting.size;
  }

  get processing(): number {
    return this.#processing.size;
  }

  get delayed(): number {
    return this.#delays.size;
  }

  add(key: string): void {
    if (this.#shut || this.#waiting.has(key) || this.#again.has(key)) return;
    this.#environment.telemetry?.count('kubeQueueAdds', { name: this.name });
    const nowMs = this.#environment.clock.nowMs();
    if (this.#processing.has(key)) this.#again.set(key, nowMs);
    else this.#push(key, nowMs);
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#shut) return;
    if (delayMs <= 0) this.add(key);
    else this.#delays.add(key, delayMs);
  }

  /** Adds it again after a failure: 5 ms, 10 ms, 20 ms ... 1,000 s, or `atLeastMs` where the server asked for more. */
  addRateLimited(key: string, atLeastMs = 0): void {
    this.#environment.telemetry?.count('kubeQueueRetries', { name: this.name });
    this.addAfter(key, Math.max(this.#retries.next(key), atLeastMs));
  }

  /** The key succeeded: its next failure is its first. */
  forget(key: string): void {
    this.#retries.forget(key);
  }

  failures(key: string): number {
    return this.#retries.failures(key);
  }

  /** The key that waited longest, which is the caller's until `done`; undefined once the queue is shut and empty. */
  take(): Promise<string | undefined> {
    const [first] = this.#waiting;
    if (first) {
      const [key, sinceMs] = first;
      this.#waiting.delete(key);
      return Promise.resolve(this.#hand(key, sinceMs));
    }
    if (this.#shut) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.add(resolve));
  }

  done(key: string): void {
    const { clock, telemetry } = this.#environment;
    const tookMs = clock.nowMs() - (this.#processing.get(key) ?? clock.nowMs());
    if (!this.#processing.delete(key)) return;
    telemetry?.observe('kubeQueueWorkSeconds', { name: this.name }, tookMs / 1000);
    const sinceMs = this.#again.get(key);
    if (this.#again.delete(key) && sinceMs !== undefined) this.#push(key, sinceMs);
    this.#settle();
  }

  /**
   * Takes nothing more. Resolves when all is worked off: with `finish` what waits too, with `drop` only what workers
   * have. Delayed keys are dropped either way.
   */
  shutDown(waiting: 'finish' | 'drop' = 'finish'): Promise<void> {
    this.#shut = true;
    this.#delays.clear();
    if (waiting === 'drop') {
      this.#waiting.clear();
      this.#again.clear();
      this.#measure();
    }
    for (const taker of this.#takers) taker(undefined);
    this.#takers.clear();
    return new Promise((resolve) => {
      this.#idle.add(resolve);
      this.#settle();
    });
  }

  #push(key: string, sinceMs: number): void {
    const [taker] = this.#takers;
    if (!taker) {
      this.#waiting.set(key, sinceMs);
      this.#measure();
      return;
    }
    this.#takers.delete(taker);
    taker(this.#hand(key, sinceMs));
  }

  #hand(key: string, sinceMs: number): string {
    const { clock, telemetry } = this.#environment;
    const nowMs = clock.nowMs();
    this.#processing.set(key, nowMs);
    telemetry?.observe('kubeQueueWaitSeconds', { name: this.name }, (nowMs - sinceMs) / 1000);
    this.#measure();
    return key;
  }

  #settle(): void {
    if (this.#waiting.size > 0 || this.#processing.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  #measure(): void {
    this.#environment.telemetry?.gauge('kubeQueueDepth', { name: this.name }, this.#waiting.size);
  }
}
