import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { backoffMs } from '@qwenfleet/core/backoff';
import type { Clock } from '@qwenfleet/core/clock';
import type { FromChild } from '@qwenfleet/core/fleet/channel';
import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import type { Logger } from '@qwenfleet/core/log';
import type { Rng } from '@qwenfleet/core/rng';
import type { ReplicaView } from '../reconcile/qwendeployment/plan/observed.ts';
import type { RestartReason } from '../pool-metrics.ts';
import { Child } from './child.ts';

/** Between the ends of a process and its next start; the first start after a good while is at once. */
const restartBackoff = { baseMs: 500, maxMs: 30_000, factor: 2 };
/** A process that answered this long has earned a quick restart. */
const provenAfterMs = 60_000;
/** Beyond the grace time that a runtime has for itself. */
const killAfterMs = 2_000;

export type ReplicaOptions = {
  id: string;
  entry: string;
  stateDir: string;
  config: RuntimeConfig;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** Anything that the router or a person would want to know has changed. */
  onChange: () => void;
  /** A process has ended without having been asked to, and another will be started. */
  onRestart: (reason: RestartReason) => void;
};

/** One replica of a pool: a process that is started again whenever it ends without having been asked to. */
export class Replica {
  readonly id: string;
  readonly startedMs: number;
  restarts = 0;
  readonly #options: ReplicaOptions;
  readonly #ending = new AbortController();
  #child: Child | undefined;
  #state: ReplicaView['state'] = 'starting';
  #url: string | undefined;
  #progress: ReplicaView['progress'];
  #failure: ReplicaView['failure'];
  /** Has this process said why it fails? What an earlier one said is no longer why. */
  #hasSaidWhy = false;
  #readySinceMs: number | undefined;
  /** Ends in a row before the process was ready. */
  #failures = 0;
  /** Changes with each process, so that the router does not hold one's failures against the next. */
  #generation = 0;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.id = options.id;
    this.startedMs = options.clock.nowMs();
    this.#start();
  }

  get view(): ReplicaView {
    return { state: this.#state, progress: this.#progress, failure: this.#failure };
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Where it answers; undefined until it does. */
  get endpoint(): { id: string; url: string; state: 'ready' | 'draining' } | undefined {
    const { url, state } = { url: this.#url, state: this.#state };
    if (url === undefined || (state !== 'ready' && state !== 'draining')) return undefined;
    return { id: `${this.id}.${this.#generation}`, url, state };
  }

  /** Lets it finish what it runs, then ends it. */
  async drain(): Promise<void> {
    this.#state = 'draining';
    this.#ending.abort();
    this.#options.onChange();
    await this.#child?.stop(this.#options.config.drain.graceMs + killAfterMs);
  }

  /** Ends it within the time, whatever it runs. */
  async stop(withinMs: number): Promise<void> {
    this.#ending.abort();
    await this.#child?.stop(withinMs);
  }

  kill(): void {
    this.#ending.abort();
    this.#child?.kill();
  }

  #start(): void {
    const { id, stateDir, entry, config } = this.#options;
    this.#generation += 1;
    this.#state = 'starting';
    this.#url = undefined;
    this.#hasSaidWhy = false;
    const configFile = path.join(stateDir, `runtime-${id}.json`);
    writeFileSync(configFile, JSON.stringify(config), { mode: 0o600 });
    this.#child = new Child({
      entry,
      args: ['--config', configFile],
      logFile: path.join(stateDir, 'logs', `${id}.log`),
      onMessage: (message) => this.#hear(message),
      onExit: ({ code, signal }) => {
        void this.#ended(signal ?? `exit code ${code}`, code === 0 ? 'Completed' : 'Error');
      },
    });
    this.#options.onChange();
  }

  #hear(message: FromChild): void {
    if (message.type === 'listening') this.#url = message.url;
    else if (message.type === 'progress')
      this.#progress = { phase: message.phase, done: message.done, total: message.total };
    else if (message.type === 'failed') this.#fails(message);
    else if (message.type === 'ready') this.#answers();
    if (message.type === 'ready' || message.type === 'failed') this.#options.onChange();
  }

  #fails({ code, message }: { code: string; message: string }): void {
    this.#failure = { code, message };
    this.#hasSaidWhy = true;
  }

  #answers(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.#progress = undefined;
    this.#failure = undefined;
    this.#failures = 0;
    this.#readySinceMs = this.#options.clock.nowMs();
  }

  async #ended(how: string, reason: RestartReason): Promise<void> {
    if (this.#ending.signal.aborted) return;
    const { clock, rng, log, onChange, onRestart } = this.#options;
    const wasReady = this.#state === 'ready';
    const livedMs = clock.nowMs() - (this.#readySinceMs ?? clock.nowMs());
    this.#state = 'waiting';
    this.#url = undefined;
    this.#progress = undefined;
    this.restarts += 1;
    if (!wasReady) {
      this.#failures += 1;
      if (!this.#hasSaidWhy)
        this.#failure = { code: 'engine_failed', message: `the process ended while it started (${how})` };
    }
    log.warn({ replica: this.id, how, failure: this.#failure }, 'a runtime ended by itself');
    onRestart(reason);
    onChange();
    const waitMs =
      wasReady && (this.restarts === 1 || livedMs > provenAfterMs)
        ? 0
        : backoffMs(restartBackoff, Math.max(this.#failures - 1, 0), rng);
    try {
      await clock.sleep(waitMs, this.#ending.signal);
    } catch {
      return;
    }
    this.#start();
  }
}
