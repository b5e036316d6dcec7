import { setImmediate } from 'node:timers/promises';
import { describeError, FleetError } from '@qwenfleet/core/errors';
import type { Environment } from '../environment.ts';
import type { RetryOptions } from '../queue/retry-delay.ts';
import { WorkQueue } from '../queue/work-queue.ts';
import { slept, withinTime } from '../time-limit.ts';
import { outcomeOf, outcomeOfError, type Outcome, type ReconcileResult } from './outcome.ts';
import type { Source } from './source.ts';

/** Brings one object to where it should be, from the caches alone. Has to heed the signal, and be safe to repeat. */
export type Reconcile = (key: string, context: { signal: AbortSignal }) => Promise<ReconcileResult | void>;

export type ControllerOptions = {
  /** In metrics and logs, such as `widgets`. */
  name: string;
  sources: readonly Source[];
  reconcile: Reconcile;
  /** Keys worked on at once. */
  workers?: number;
  /** After this a reconcile's signal aborts, and the key is tried again. */
  reconcileMs?: number;
  retries?: RetryOptions;
};

const defaults = { workers: 4, reconcileMs: 120_000, retries: {} };

/**
 * Sources make keys, a queue makes each of them wait once, workers reconcile them. Starts to work when every source
 * has synced, so that a reconcile never takes an empty cache for an empty cluster.
 */
export class Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly #options: Required<ControllerOptions>;
  readonly #environment: Environment;
  readonly #stopping = new AbortController();
  readonly #unsubscribe: (() => void)[] = [];
  readonly #overdue = new Set<string>();
  #running: Promise<unknown> | undefined;
  #turns: Promise<void> = Promise.resolve();

  constructor(options: ControllerOptions, environment: Environment) {
    this.name = options.name;
    this.#options = { ...defaults, ...options };
    this.#environment = environment;
    this.queue = new WorkQueue(options.name, environment, this.#options.retries);
  }

  /** Keys whose reconcile did not end though its time is up: a bug that a liveness probe may want to know. */
  get overdue(): readonly string[] {
    return [...this.#overdue];
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Lets the reconciles that run finish within the time, then aborts them. What only waits is dropped: whoever comes
   * next lists everything anyway.
   */
  async stop(withinMs = 20_000): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    const drained = this.queue.shutDown('drop');
    const done = new AbortController();
    void slept(this.#environment.clock, withinMs, done.signal).then((late) => {
      if (late) this.#abort();
    });
    // Workers that wait for a source to sync have nothing to finish.
    if (this.queue.processing === 0) this.#abort();
    await drained;
    await this.#running;
    done.abort();
  }

  #abort(): void {
    this.#stopping.abort(new FleetError('shutting_down', `The controller ${this.name} is stopping.`));
  }

  async #run(): Promise<void> {
    const { sources, workers } = this.#options;
    for (const source of sources) this.#unsubscribe.push(source.subscribe((key) => this.queue.add(key)));
    const stopped = new Promise<void>((resolve) => {
      this.#stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const synced = Promise.all(sources.map((source) => source.synced)).then(
      () => true,
      () => false,
    );
    if (!(await Promise.race([synced, stopped.then(() => false)]))) return;
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
  }

  async #work(): Promise<void> {
    for (let key = await this.queue.take(); key !== undefined; key = await this.queue.take()) {
      await this.#process(key);
      await this.#turn();
    }
  }

  /** One key for each turn of the event loop: a thousand keys that need no write would hold it for seconds. */
  #turn(): Promise<void> {
    return (this.#turns = this.#turns.then(() => setImmediate()));
  }

  async #process(key: string): Promise<void> {
    const { clock, telemetry } = this.#environment;
    const startedMs = clock.nowMs();
    const outcome = await this.#attempt(key);
    const controller = this.name;
    telemetry?.count('kubeReconciles', { controller, result: outcome.result });
    telemetry?.observe('kubeReconcileSeconds', { controller }, (clock.nowMs() - startedMs) / 1000);
    if (outcome.next === 'retry') {
      this.queue.addRateLimited(key, outcome.atLeastMs);
    } else {
      this.queue.forget(key);
      if (outcome.next === 'after') this.queue.addAfter(key, outcome.delayMs);
    }
    this.queue.done(key);
  }

  async #attempt(key: string): Promise<Outcome> {
    const { clock, log, telemetry } = this.#environment;
    const { reconcile, reconcileMs: ms } = this.#options;
    const late = (): FleetError => {
      this.#overdue.add(key);
      return new FleetError('request_timeout', `The reconcile of "${key}" took longer than ${ms} ms.`);
    };
    try {
      const limit = { ms, parent: this.#stopping.signal, late };
      return outcomeOf((await withinTime(clock, limit, (signal) => reconcile(key, { signal }))) ?? {});
    } catch (error) {
      const outcome = outcomeOfError(error);
      const fields = { controller: this.name, key, error: describeError(error), failures: this.queue.failures(key) };
      if (outcome.result === 'requeue') log.debug(fields, 'a reconcile met a conflict');
      else log.error(fields, 'a reconcile failed');
      if (outcome.next === 'give up') telemetry?.count('kubeTerminalErrors', { controller: this.name });
      return outcome;
    } finally {
      this.#overdue.delete(key);
    }
  }
}
